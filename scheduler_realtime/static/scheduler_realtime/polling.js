/** The log read page by page over HTTP, for a network that lets no WebSocket through. */

const BREATH = 500; // between two pages: a user may ask for 240 a minute
const FIRST = 1000;
const CAP = 15_000;

export class Polling {
  #clock;
  #hooks;
  #timer;
  #failures = 0;
  /** @type {AbortController | null} */
  #asking = null;
  isOn = false;

  /**
   * @param {import("./link.js").Clock} clock
   * @param {{ask: (signal: AbortSignal) => Promise<Response>, page: (page: any) => void,
   *          failed: (status: number | undefined) => void, patience: number}} hooks
   *        `patience` is how long an answer may take, in milliseconds
   */
  constructor(clock, hooks) {
    this.#clock = clock;
    this.#hooks = hooks;
  }

  start() {
    if (this.isOn) return;
    this.isOn = true;
    this.#failures = 0;
    this.#ask();
  }

  stop() {
    this.isOn = false;
    this.#clock.clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
  }

  /** Ask now, whatever is on its way. */
  hurry() {
    if (!this.isOn) return;
    this.stop();
    this.start();
  }

  async #ask() {
    const asking = (this.#asking = new AbortController());
    const limit = this.#clock.setTimeout(() => asking.abort(), this.#hooks.patience);
    let pause = BREATH;
    let response;
    try {
      response = await this.#hooks.ask(asking.signal);
      if (!response.ok) throw new Error(response.status);
      const page = await response.json();
      if (this.#asking !== asking) return;
      this.#failures = 0;
      this.#hooks.page(page);
    } catch {
      if (this.#asking !== asking) return;
      pause = this.#pause(response);
      this.#hooks.failed(response?.status);
    } finally {
      this.#clock.clearTimeout(limit);
    }
    if (this.#asking === asking) this.#timer = this.#clock.setTimeout(() => this.#ask(), pause);
  }

  #pause(response) {
    const told = Number(response?.headers.get("Retry-After")) * 1000;
    return told || Math.min(CAP, FIRST * 2 ** this.#failures++);
  }
}

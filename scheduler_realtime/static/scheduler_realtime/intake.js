/** What comes in, in order: each message once, and none before the page has its data. */

const MOST = 10_000; // frames held back while the page reads its data; beyond, the line starts anew
const FIRST = 1000;
const CAP = 30_000;

export class Intake {
  /** Why the page has to read its data before anything is handed on, or null. @type {string | null} */
  owed = "opened";
  hasFailed = false; // the page could not read its data, last time
  #place;
  #clock;
  #hooks;
  #held = [];
  #run = 0;
  #isHolding = false;
  #failures = 0;
  #retry;

  /**
   * @param {import("./place.js").Place} place
   * @param {import("./link.js").Clock} clock
   * @param {{handOn: (frame: any) => void, placed: (frame: any) => void, changed: () => void,
   *          load: (reason: string) => Promise<unknown> | null, overrun: () => void}} hooks
   *        `load` is null where nobody has anything to read
   */
  constructor(place, clock, hooks) {
    this.#place = place;
    this.#clock = clock;
    this.#hooks = hooks;
  }

  get isHolding() {
    return this.#isHolding;
  }

  /** The page has to read its data; what comes meanwhile waits. */
  owe(reason) {
    this.owed = reason;
    this.load();
  }

  /** Have the page read what it is owed. */
  async load() {
    if (this.owed === null) return;
    const run = ++this.#run;
    this.#clock.clearTimeout(this.#retry);
    this.#isHolding = true;
    this.#hooks.changed();
    try {
      const loading = this.#hooks.load(this.owed);
      if (loading) await loading;
    } catch {
      if (run === this.#run) this.#again();
      return;
    }
    if (run !== this.#run) return;
    this.owed = null;
    this.#failures = 0;
    this.#isHolding = this.hasFailed = false;
    this.#letGo();
    this.#hooks.changed();
  }

  #again() {
    this.hasFailed = true;
    const pause = Math.min(CAP, FIRST * 2 ** this.#failures++);
    this.#retry = this.#clock.setTimeout(() => this.load(), pause);
    this.#hooks.changed();
  }

  /** The line is gone: what was held comes again, and what was owed still is. */
  drop() {
    this.#run++;
    this.#clock.clearTimeout(this.#retry);
    this.#held = [];
    this.#isHolding = false;
  }

  take(frame) {
    if (!this.#isHolding) return this.#handle(frame);
    // Nobody waits with an emergency: it is handed on at once, and its place is taken later.
    if (frame.type === "emergency_alert" && frame.key) this.#handOnEarly(frame);
    if (this.#held.push(frame) > MOST) this.#hooks.overrun();
  }

  #handOnEarly(frame) {
    const { type, key, data } = frame;
    if (this.#place.take({ type, key, data, early: true }) === "new") this.#hooks.handOn(frame);
  }

  #letGo() {
    while (this.#held.length && !this.#isHolding) this.#handle(this.#held.shift());
  }

  #handle(frame) {
    const what = this.#place.take(frame);
    if (what === "placed") this.#hooks.placed(frame);
    if (what === "new") this.#hooks.handOn(frame);
  }
}

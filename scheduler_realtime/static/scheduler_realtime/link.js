/** One socket from its opening to its end: it beats, and notices when the other side is silent. */

export const GRACE = 10_000; // how long opening and the first frame may take together
const OPEN = 1;
const GONE = 1006;

/**
 * @typedef {{now: () => number, setTimeout: (call: () => void, ms: number) => any,
 *            clearTimeout: (timer: any) => void}} Clock
 */

export class Link {
  /** @type {WebSocket | null} */
  socket = null;
  heardAt = 0;
  openedAt = 0; // when the first frame came; 0 before
  every = 0;
  #clock;
  #hooks;
  #silence;
  #beats;
  #due = 0;
  #ref = 0;
  #asked = 0; // the heartbeat whose answer shows that a line in doubt is alive
  #isProbed = false;
  #hasHeard = false; // since the timer was set

  /**
   * @param {Clock} clock
   * @param {{frame: (frame: any) => void, beat: () => void, doubt: () => void,
   *          lost: (code: number, lived: number) => void}} hooks
   */
  constructor(clock, hooks) {
    this.#clock = clock;
    this.#hooks = hooks;
  }

  /** @param {typeof WebSocket} Socket @param {URL} url @param {string[]} protocols */
  open(Socket, url, protocols) {
    const socket = new Socket(url, protocols);
    this.socket = socket;
    this.heardAt = this.#clock.now();
    this.#expect(GRACE);
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = (event) => this.#end(event.code);
  }

  /** Whether it was silent for so long that nobody knows; until it has answered. */
  get isInDoubt() {
    return this.#asked > 0;
  }

  /** Whether it could be said. */
  send(type, data = {}, ref = undefined) {
    if (this.socket?.readyState !== OPEN) return false;
    this.socket.send(JSON.stringify({ type, data, ref }));
    return true;
  }

  /** Beat from now on, and take two beats without any frame for the end. */
  start(every) {
    this.every = every;
    this.#clock.clearTimeout(this.#beats);
    this.#hooks.beat();
    const next = () => {
      this.#hooks.beat();
      this.#beats = this.#clock.setTimeout(next, every);
    };
    this.#beats = this.#clock.setTimeout(next, every);
    this.#expect(2 * every);
  }

  /** @param {object} data of one heartbeat */
  beat(data) {
    return this.send("heartbeat", data, `${++this.#ref}`);
  }

  /** The machine may have slept: ask, and wait for one beat only. */
  probe() {
    if (!this.openedAt || this.#isProbed) return;
    const quiet = this.#clock.now() - this.heardAt;
    if (quiet < 0 || quiet > 2 * this.every) {
      this.#asked = this.#ref + 1;
      this.#hooks.doubt();
    }
    this.#isProbed = true;
    this.#hooks.beat();
    this.#expect(this.every);
  }

  hangUp() {
    this.#clock.clearTimeout(this.#silence);
    this.#clock.clearTimeout(this.#beats);
    const { socket } = this;
    this.socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #expect(patience) {
    this.#clock.clearTimeout(this.#silence);
    this.#hasHeard = false;
    this.#due = this.#clock.now() + patience;
    this.#silence = this.#clock.setTimeout(() => this.#check(), patience);
  }

  /** Frames do not set the timer anew, each: it looks when it is due. */
  #check() {
    const now = this.#clock.now();
    const quiet = now - this.heardAt;
    // A timer that is so late slept; so did the frames, which wait to be dispatched.
    const isLate = now - this.#due > this.every;
    if (isLate && this.openedAt && !this.#isProbed) return this.probe();
    const left = Math.min(2 * this.every, 2 * this.every - quiet);
    if (!this.#hasHeard || left <= 0) return this.#end(GONE);
    this.#expect(left);
  }

  #hear(text) {
    this.heardAt = this.#clock.now();
    this.openedAt ||= this.heardAt;
    this.#isProbed = false;
    this.#hasHeard = true;
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    if (frame.type === "heartbeat_ack" && Number(frame.ref ?? this.#asked) >= this.#asked) {
      this.#asked = 0;
    }
    this.#hooks.frame(frame);
  }

  #end(code) {
    const lived = this.openedAt ? this.#clock.now() - this.openedAt : 0;
    this.hangUp();
    this.#hooks.lost(code, lived);
  }
}

/** Says how fresh the board is: live, or since when it may be wrong. */

const WORDS = new Map([
  ["connecting", "connecting"],
  ["live", "live"],
  ["stale", "stale"],
  ["reconnecting", "reconnecting, stale"],
  ["stopped", "stopped, stale"],
]);

export class LineState {
  #node;
  #calendar;
  /** @type {Date | null} */
  #since = null;

  /**
   * @param {HTMLElement} node
   * @param {import("./calendar.js").Calendar} calendar
   */
  constructor(node, calendar) {
    this.#node = node;
    this.#calendar = calendar;
  }

  /**
   * @param {import("./line.js").State} state
   * @param {Date | null} since when the board was last known to be right; null while it is
   * @param {string} detail
   */
  show(state, since, detail = "") {
    // What was stale already has not become fresher by another failed attempt.
    this.#since = since && (this.#since ?? since);
    const time = this.#since ? ` since ${this.#calendar.clock(this.#since)}` : "";
    this.#node.dataset.state = state;
    this.#node.textContent = `${WORDS.get(state)}${time}`;
    if (detail) this.#node.append(`: ${detail}`);
    document.body.classList.toggle("stale", since !== null);
  }
}

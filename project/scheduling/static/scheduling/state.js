/** Says how fresh the board is: live, or since when it may be wrong, so that nobody overlooks it. */

const WORDS = new Map([
  ["connecting", "connecting"],
  ["live", "live"],
  ["stale", "stale"],
  ["reconnecting", "reconnecting, stale"],
  ["stopped", "stopped, stale"],
]);

export class LineState {
  #node;
  #warning;
  #calendar;
  /** @type {Date | null} */
  #since = null;

  /**
   * @param {HTMLElement} node
   * @param {HTMLElement} warning across the page, while the board is stale
   * @param {import("./calendar.js").Calendar} calendar
   */
  constructor(node, warning, calendar) {
    this.#node = node;
    this.#warning = warning;
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
    const warning = this.#since ? `Stale${time}. What has changed since is not shown.` : "";
    if (this.#warning.textContent !== warning) this.#warning.textContent = warning;
    this.#warning.hidden = !warning;
    document.body.classList.toggle("stale", since !== null);
  }
}

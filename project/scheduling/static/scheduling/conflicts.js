/** The conflicts that stand: a list to work through, and which bars they mark. */

import { element } from "./elements.js";

const PATH = "/api/ws/conflicts";

/**
 * @typedef {{conflict_id: string, severity: string, description: string, status: string,
 *            affected_surgeries: number[], suggested_actions: (string | Move)[]}} Conflict
 * @typedef {{action: string, surgery_id: number, room_id: number, start: string, end: string}} Move
 */

export class Conflicts {
  /** @type {Map<string, Conflict>} */
  #open = new Map();
  #section;
  #list;
  #count;
  #session;
  #board;
  #calendar;
  #chart;

  /**
   * @param {{section: HTMLElement, count: HTMLElement}} nodes both hidden while there is none; the
   *        count is in the page's top, and leads to the section
   * @param {import("./session.js").Session} session
   * @param {import("./board.js").Board} board
   * @param {import("./calendar.js").Calendar} calendar
   * @param {import("./chart.js").Chart} chart
   */
  constructor({ section, count }, session, board, calendar, chart) {
    this.#section = section;
    this.#list = section.querySelector("ol");
    this.#count = count;
    this.#session = session;
    this.#board = board;
    this.#calendar = calendar;
    this.#chart = chart;
  }

  /** Reads those of a day afresh. @param {string} day */
  async load(day) {
    const found = new Map();
    let path = `${PATH}?date=${day}`;
    while (path) {
      const page = await this.#session.get(path);
      for (const conflict of page.results) found.set(conflict.conflict_id, conflict);
      path = page.next && new URL(page.next).pathname + new URL(page.next).search;
    }
    this.#open = found;
    this.#draw();
  }

  /** Takes in a `conflict_notification`. @param {Conflict} conflict */
  hear(conflict) {
    if (conflict.status === "resolved") this.#open.delete(conflict.conflict_id);
    else this.#open.set(conflict.conflict_id, conflict);
    this.#draw();
  }

  #draw() {
    /** @type {Map<number, string>} */
    const marks = new Map();
    const items = [];
    for (const conflict of this.#open.values()) {
      for (const id of conflict.affected_surgeries) marks.set(id, conflict.severity);
      // What lies on another day is for whoever looks at that one.
      if (conflict.affected_surgeries.some((id) => this.#board.surgeries.has(id))) {
        items.push(this.#item(conflict));
      }
    }
    this.#list.replaceChildren(...items);
    this.#section.hidden = items.length === 0;
    const number = items.length === 1 ? "1 conflict" : `${items.length} conflicts`;
    this.#section.querySelector("h2").textContent = this.#count.textContent = number;
    this.#count.hidden = items.length === 0;
    this.#chart.mark(marks);
  }

  /** @param {Conflict} conflict */
  #item(conflict) {
    const item = element("li", conflict.severity);
    item.dataset.conflictId = conflict.conflict_id;
    const show = element("button", "", "Show");
    show.type = "button";
    show.setAttribute("aria-label", `Show: ${conflict.description}`);
    show.addEventListener("click", () => this.#chart.show(conflict.affected_surgeries));
    const ways = element("ul");
    ways.append(...conflict.suggested_actions.map((way) => element("li", "", this.#words(way))));
    item.append(element("b", "", conflict.description), show, ways);
    return item;
  }

  /** @param {string | Move} way a sentence, or where a surgery could be instead */
  #words(way) {
    if (typeof way === "string") return way;
    const surgery = this.#board.surgeries.get(way.surgery_id);
    const room = this.#board.rooms.get(way.room_id);
    const [start, end] = [way.start, way.end].map((text) =>
      this.#calendar.clockOn(this.#board.day, new Date(text)),
    );
    const what = surgery?.surgery_type ?? `surgery ${way.surgery_id}`;
    return `Move ${what} to ${start}–${end}${room ? ` in ${room.name}` : ""}`;
  }
}

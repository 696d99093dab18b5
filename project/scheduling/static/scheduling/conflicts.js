/** The conflicts that stand: a list to work through, and which bars they mark. */

import { element } from "./elements.js";

const PATH = "/api/ws/conflicts";

/**
 * @typedef {{conflict_id: string, severity: string, description: string, status: string,
 *            affected_surgeries: number[], suggested_actions: string[]}} Conflict
 */

export class Conflicts {
  /** @type {Map<string, Conflict>} */
  #open = new Map();
  #section;
  #list;
  #count;
  #session;
  #chart;

  /**
   * @param {HTMLElement} section hidden while there is none
   * @param {HTMLElement} count in the page's top, which leads to it
   * @param {import("./session.js").Session} session
   * @param {import("./chart.js").Chart} chart
   */
  constructor(section, count, session, chart) {
    this.#section = section;
    this.#list = section.querySelector("ol");
    this.#count = count;
    this.#session = session;
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
      if (conflict.affected_surgeries.some((id) => this.#chart.has(id))) {
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
    ways.append(...conflict.suggested_actions.map((way) => element("li", "", way)));
    item.append(element("b", "", conflict.description), show, ways);
    return item;
  }
}

/** Draws the day: rooms as rows, time as columns, and a bar for each surgery. */

const HOUR = 60;
const OPENS = 7 * HOUR;
const CLOSES = 20 * HOUR;

export const STATUS = new Map([
  ["scheduled", "Scheduled"],
  ["pre_op", "Pre-op"],
  ["in_progress", "In progress"],
  ["closing", "Closing"],
  ["cleaning", "Cleaning"],
  ["done", "Done"],
  ["cancelled", "Cancelled"],
]);

export class Chart {
  /** @type {Map<number, HTMLElement>} */
  #bars = new Map();
  #board;
  #calendar;
  #axis;
  #rooms;
  #grid;
  #lanes;
  #now;
  #from = OPENS;
  #to = CLOSES;

  /**
   * @param {HTMLElement} root
   * @param {import("./board.js").Board} board
   * @param {import("./calendar.js").Calendar} calendar
   */
  constructor(root, board, calendar) {
    this.#board = board;
    this.#calendar = calendar;
    const corner = element("div", "corner");
    [this.#axis, this.#rooms, this.#lanes, this.#grid] = ["axis", "rooms", "lanes", "grid"].map(
      (name) => element("div", name),
    );
    this.#now = element("div", "now");
    this.#lanes.append(this.#grid, this.#now);
    root.replaceChildren(corner, this.#axis, this.#rooms, this.#lanes);
  }

  /** @param {Iterable<number>} changed ids of the surgeries to point out */
  draw(changed = []) {
    const surgeries = [...this.#board.surgeries.values()];
    this.#stretch(surgeries);
    this.#drawFrame();
    const rows = new Map([...this.#board.rooms.keys()].map((id, row) => [id, row]));
    for (const surgery of surgeries) this.#drawBar(surgery, rows.get(surgery.room) ?? 0);
    for (const [id, bar] of this.#bars) {
      if (this.#board.surgeries.has(id)) continue;
      bar.remove();
      this.#bars.delete(id);
    }
    for (const id of changed) this.#pointOut(id);
    this.drawNow();
  }

  drawNow() {
    const now = this.#calendar.minutesInto(this.#board.day, new Date());
    this.#now.hidden = now < this.#from || now > this.#to;
    this.#now.style.left = this.#percent(now - this.#from);
  }

  /** The axis shows the working day, and more where a surgery needs it. */
  #stretch(surgeries) {
    const minutes = (text) => this.#calendar.minutesInto(this.#board.day, new Date(text));
    const starts = surgeries.map((surgery) => Math.max(0, minutes(surgery.start_time)));
    const ends = surgeries.map((surgery) => Math.min(24 * HOUR, minutes(surgery.end_time)));
    this.#from = Math.floor(Math.min(OPENS, ...starts) / HOUR) * HOUR;
    this.#to = Math.ceil(Math.max(CLOSES, ...ends) / HOUR) * HOUR;
  }

  #drawFrame() {
    const hours = [];
    for (let at = this.#from; at < this.#to; at += HOUR) hours.push(at);
    this.#axis.replaceChildren(
      ...hours.map((at) => this.#placed(element("span", "hour", hourName(at)), at)),
    );
    this.#grid.replaceChildren(...hours.map((at) => this.#placed(element("i", "rule"), at)));
    const rooms = [...this.#board.rooms.values()].map((room) => {
      const label = element("div", "room");
      label.append(element("b", "", room.name), element("small", "", room.specialty));
      return label;
    });
    this.#rooms.replaceChildren(...rooms);
    this.#lanes.style.setProperty("--rows", String(rooms.length));
  }

  /** @param {import("./board.js").Surgery} surgery @param {number} row */
  #drawBar(surgery, row) {
    const bar = this.#bars.get(surgery.id) ?? this.#newBar(surgery.id);
    const [start, end] = [new Date(surgery.start_time), new Date(surgery.end_time)];
    const [left, right] = [start, end].map((at) =>
      Math.min(this.#to, Math.max(this.#from, this.#calendar.minutesInto(this.#board.day, at))),
    );
    bar.style.left = this.#percent(left - this.#from);
    bar.style.width = this.#percent(right - left);
    bar.style.setProperty("--row", String(row));
    Object.assign(bar.dataset, {
      start: start.toISOString(),
      end: end.toISOString(),
      room: surgery.room,
      status: surgery.status,
      priority: surgery.priority,
    });
    const times = `${this.#calendar.clock(start)}–${this.#calendar.clock(end)}`;
    const lines = [surgery.surgery_type, surgery.patient_name, surgery.surgeon_name];
    const status = STATUS.get(surgery.status) ?? surgery.status;
    bar.title = [times, ...lines, `${status}, ${surgery.priority}`, surgery.notes]
      .filter(Boolean)
      .join("\n");
    bar.replaceChildren(
      element("time", "", times),
      ...lines.filter(Boolean).map((line, at) => element(at ? "span" : "b", "", line)),
    );
  }

  /** @param {number} id */
  #newBar(id) {
    const bar = element("article", "bar");
    bar.dataset.surgeryId = String(id);
    bar.addEventListener("animationend", () => bar.classList.remove("changed"));
    this.#bars.set(id, bar);
    this.#lanes.append(bar);
    return bar;
  }

  /** @param {number} id */
  #pointOut(id) {
    const bar = this.#bars.get(id);
    if (!bar) return;
    bar.classList.remove("changed");
    void bar.offsetWidth; // reading the layout lets the animation start over
    bar.classList.add("changed");
  }

  #placed(node, minutes) {
    node.style.left = this.#percent(minutes - this.#from);
    return node;
  }

  #percent(minutes) {
    return `${(100 * minutes) / (this.#to - this.#from)}%`;
  }
}

/** @param {number} minutes */
function hourName(minutes) {
  return `${String(minutes / HOUR).padStart(2, "0")}:00`;
}

/** @param {string} tag @param {string} className @param {string} text */
export function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

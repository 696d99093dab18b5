/** Draws the day: rooms as rows, time as columns, and a bar for each surgery. */

import { Bar } from "./bar.js";
import { wallClock } from "./calendar.js";
import { element } from "./elements.js";

const HOUR = 60;
const OPENS = 7 * HOUR;
const CLOSES = 20 * HOUR;

/** @typedef {import("./board.js").Surgery} Surgery */

export class Chart {
  /** @type {Map<number, Bar>} */
  #bars = new Map();
  /** @type {WeakMap<Surgery, {start: number, end: number}>} wall-clock minutes into `#day` */
  #minutes = new WeakMap();
  /** @type {Set<number>} to be drawn in the next frame */
  #dirty = new Set();
  /** @type {Map<number, string>} */
  #marks = new Map();
  /** @type {number | null} the surgery that somebody is dragging: it stays where they have it */
  #held = null;
  #isAll = false;
  #frame = 0;
  #day = "";
  #from = OPENS;
  #to = CLOSES;
  #board;
  #calendar;
  #axis;
  #rooms;
  #grid;
  #now;
  lanes = element("div", "lanes");

  /**
   * @param {HTMLElement} root
   * @param {import("./board.js").Board} board
   * @param {import("./calendar.js").Calendar} calendar
   */
  constructor(root, board, calendar) {
    this.#board = board;
    this.#calendar = calendar;
    [this.#axis, this.#rooms, this.#grid, this.#now] = ["axis", "rooms", "grid", "now"].map(
      (name) => element("div", name),
    );
    this.lanes.append(this.#grid, this.#now);
    root.replaceChildren(element("div", "corner"), this.#axis, this.#rooms, this.lanes);
  }

  /** Draws everything, in the next frame. */
  draw() {
    this.#isAll = true;
    this.#ask();
  }

  /** Draws these, and points them out, in the next frame. @param {Iterable<number>} ids */
  change(ids) {
    for (const id of ids) this.#dirty.add(id);
    this.#ask();
  }

  drawNow() {
    const now = this.#calendar.minutesInto(this.#board.day, new Date());
    this.#now.hidden = now < this.#from || now > this.#to;
    this.#now.style.left = this.#percent(now - this.#from);
    for (const bar of this.#bars.values()) bar.tellLate();
  }

  /** Marks those that are in a conflict. @param {Map<number, string>} severities by surgery */
  mark(severities) {
    this.#marks = severities;
    for (const [id, bar] of this.#bars) bar.mark(severities.get(id));
  }

  /** Brings the first of them into sight, and points all of them out. @param {number[]} ids */
  show(ids) {
    const bars = ids.map((id) => this.#bars.get(id)).filter(Boolean);
    for (const bar of bars) bar.pointOut();
    bars[0]?.node.scrollIntoView({ block: "nearest", inline: "nearest" });
    bars[0]?.node.focus({ preventScroll: true });
  }

  /** Leaves a bar where somebody is dragging it, until it is let go. @param {number | null} id */
  hold(id) {
    const before = this.#held;
    this.#held = id;
    if (before !== null && before !== id) this.change([before]);
  }

  /** Puts a held bar somewhere. @param {number} id @param {{start: number, end: number, row: number}} at */
  place(id, { start, end, row }) {
    const [left, right] = [start, end].map((at) => this.#within(at));
    const [begin, width] = [this.#percent(left - this.#from), this.#percent(right - left)];
    this.#bars.get(id)?.put({ left: begin, width, row });
  }

  /** Minutes that one pixel of the lanes is wide. */
  get minutesPerPixel() {
    return (this.#to - this.#from) / this.lanes.clientWidth;
  }

  get roomIds() {
    return [...this.#board.rooms.keys()];
  }

  /** @param {Surgery} surgery */
  minutesOf(surgery) {
    let minutes = this.#minutes.get(surgery);
    if (!minutes) {
      const [start, end] = [surgery.start_time, surgery.end_time].map((text) =>
        this.#calendar.minutesInto(this.#board.day, new Date(text)),
      );
      minutes = { start, end };
      this.#minutes.set(surgery, minutes);
    }
    return minutes;
  }

  #ask() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    if (this.#day !== this.#board.day) this.#minutes = new WeakMap();
    this.#day = this.#board.day;
    const changed = [...this.#dirty];
    const isAll = this.#stretch() || this.#isAll;
    this.#dirty.clear();
    this.#isAll = false;
    if (isAll) this.#drawFrame();
    const rows = new Map(this.roomIds.map((id, row) => [id, row]));
    const ids = isAll ? new Set([...this.#bars.keys(), ...this.#board.surgeries.keys()]) : changed;
    for (const id of ids) this.#drawBar(id, rows);
    for (const id of changed) this.#bars.get(id)?.pointOut();
    if (isAll) this.drawNow();
  }

  /** The axis shows the working day, and more where a surgery needs it. Whether that changed. */
  #stretch() {
    let [first, last] = [OPENS, CLOSES];
    for (const surgery of this.#board.surgeries.values()) {
      const { start, end } = this.minutesOf(surgery);
      first = Math.min(first, Math.max(0, start));
      last = Math.max(last, Math.min(24 * HOUR, end));
    }
    const [from, to] = [Math.floor(first / HOUR) * HOUR, Math.ceil(last / HOUR) * HOUR];
    const isOther = from !== this.#from || to !== this.#to;
    [this.#from, this.#to] = [from, to];
    return isOther;
  }

  #drawFrame() {
    const hours = [];
    for (let at = this.#from; at < this.#to; at += HOUR) hours.push(at);
    const placed = (node, at) => {
      node.style.left = this.#percent(at - this.#from);
      return node;
    };
    this.#axis.replaceChildren(
      ...hours.map((at) => placed(element("span", "hour", wallClock(at)), at)),
    );
    this.#grid.replaceChildren(...hours.map((at) => placed(element("i", "rule"), at)));
    const rooms = [...this.#board.rooms.values()].map((room) => {
      const label = element("div", "room");
      label.append(element("b", "", room.name), element("small", "", room.specialty));
      return label;
    });
    this.#rooms.replaceChildren(...rooms);
    this.lanes.style.setProperty("--rows", String(rooms.length));
  }

  /** @param {number} id @param {Map<number, number>} rows by room */
  #drawBar(id, rows) {
    const surgery = this.#board.surgeries.get(id);
    let bar = this.#bars.get(id);
    if (!surgery) {
      bar?.node.remove();
      this.#bars.delete(id);
      return;
    }
    if (!bar) {
      bar = new Bar(id, this.#calendar);
      bar.mark(this.#marks.get(id));
      this.#bars.set(id, bar);
      this.lanes.append(bar.node);
    }
    bar.say(surgery);
    if (id !== this.#held) {
      this.place(id, { ...this.minutesOf(surgery), row: rows.get(surgery.room) ?? 0 });
    }
  }

  #within(minutes) {
    return Math.min(this.#to, Math.max(this.#from, minutes));
  }

  #percent(minutes) {
    return `${(100 * minutes) / (this.#to - this.#from)}%`;
  }
}

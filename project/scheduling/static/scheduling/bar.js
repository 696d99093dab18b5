/** One surgery on the board: where its bar lies, and what it says. */

import { element } from "./elements.js";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export const STATUS = new Map([
  ["scheduled", "Scheduled"],
  ["pre_op", "Pre-op"],
  ["in_progress", "In progress"],
  ["closing", "Closing"],
  ["cleaning", "Cleaning"],
  ["done", "Done"],
  ["cancelled", "Cancelled"],
]);

const WAITING = new Set(["scheduled", "pre_op"]);

export class Bar {
  node = element("article", "bar");
  #late = element("em", "late");
  #calendar;
  /** @type {import("./board.js").Surgery | null} */
  #surgery = null;

  /**
   * @param {number} id
   * @param {import("./calendar.js").Calendar} calendar
   */
  constructor(id, calendar) {
    this.#calendar = calendar;
    this.node.dataset.surgeryId = String(id);
    this.node.tabIndex = 0;
    this.node.setAttribute("aria-roledescription", "surgery");
    this.node.addEventListener("animationend", () => this.node.classList.remove("changed"));
  }

  /**
   * @param {{left: string, width: string, row: number}} place
   */
  put({ left, width, row }) {
    this.node.style.left = left;
    this.node.style.width = width;
    this.node.style.setProperty("--row", String(row));
  }

  /** @param {import("./board.js").Surgery} surgery */
  say(surgery) {
    this.#surgery = surgery;
    const [start, end] = [new Date(surgery.start_time), new Date(surgery.end_time)];
    Object.assign(this.node.dataset, {
      start: start.toISOString(),
      end: end.toISOString(),
      room: surgery.room,
      status: surgery.status,
      priority: surgery.priority,
    });
    const times = `${this.#calendar.clock(start)}–${this.#calendar.clock(end)}`;
    const lines = [surgery.surgery_type, surgery.patient_name, surgery.surgeon_name];
    const status = STATUS.get(surgery.status) ?? surgery.status;
    const words = [times, ...lines, surgery.room_name, `${status}, ${surgery.priority}`];
    this.node.title = [...words, surgery.notes].filter(Boolean).join("\n");
    this.node.setAttribute("aria-label", words.filter(Boolean).join(", "));
    this.node.replaceChildren(
      element("time", "", times),
      this.#late, // before what a low bar has no room for
      ...lines.filter(Boolean).map((line, at) => element(at ? "span" : "b", "", line)),
    );
    this.tellLate();
  }

  /** Says how late it is, where it should have begun and has not. */
  tellLate() {
    const waits = this.#surgery && WAITING.has(this.#surgery.status);
    const late = waits ? Date.now() - Date.parse(this.#surgery.start_time) : 0;
    const isLate = late >= MINUTE && late < DAY;
    this.#late.hidden = !isLate;
    this.#late.textContent = isLate ? `${duration(Math.floor(late / MINUTE))} late` : "";
    this.node.classList.toggle("is-late", isLate);
  }

  /** @param {string | undefined} severity of a conflict it is in */
  mark(severity) {
    if (severity) this.node.dataset.conflict = severity;
    else delete this.node.dataset.conflict;
  }

  /** Draws the eye to it for a moment. */
  pointOut() {
    this.node.classList.remove("changed");
    this.node.getAnimations().forEach((animation) => animation instanceof CSSAnimation && animation.cancel());
    this.node.classList.add("changed");
  }
}

/** @param {number} minutes */
function duration(minutes) {
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

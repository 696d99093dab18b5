/** Moves surgeries by hand: a bar is dragged or pushed by keys, and the server is asked for it. */

import { wallClock } from "./calendar.js";
import { RequestFailed } from "./session.js";

const STEP = 5; // minutes
const EDGE = 8; // pixels at either end of a bar, by which it is made longer or shorter
const THRESHOLD = 4; // pixels: less is a click
const MINUTE = 60_000;

const KEYS = new Map([
  ["ArrowLeft", { minutes: -STEP, rows: 0 }],
  ["ArrowRight", { minutes: STEP, rows: 0 }],
  ["ArrowUp", { minutes: 0, rows: -1 }],
  ["ArrowDown", { minutes: 0, rows: 1 }],
]);

/** @typedef {{start: number, end: number, row: number}} Place minutes into the day, and the row */

export class Dragging {
  #board;
  #chart;
  #session;
  #say;
  /** @type {{id: number, from: Place, to: Place} | null} */
  #draft = null;

  /**
   * @param {import("./board.js").Board} board
   * @param {import("./chart.js").Chart} chart
   * @param {import("./session.js").Session} session
   * @param {(text: string, isRefusal?: boolean) => void} say
   */
  constructor(board, chart, session, say) {
    this.#board = board;
    this.#chart = chart;
    this.#session = session;
    this.#say = say;
    chart.lanes.classList.add("movable");
    chart.lanes.addEventListener("pointerdown", (event) => this.#grab(event));
    chart.lanes.addEventListener("keydown", (event) => this.#press(event));
    chart.lanes.addEventListener("focusout", () => this.#draft && this.#putBack());
  }

  /** @param {PointerEvent} event */
  #grab(event) {
    const node = event.target.closest?.(".bar");
    if (!node || event.button !== 0 || this.#draft) return;
    const id = Number(node.dataset.surgeryId);
    const box = node.getBoundingClientRect();
    const grip = gripAt(event.clientX, box);
    const origin = { x: event.clientX, y: event.clientY, rowHeight: this.#rowHeight() };
    const follow = (move) => {
      const [x, y] = [move.clientX - origin.x, move.clientY - origin.y];
      if (!this.#draft && Math.hypot(x, y) < THRESHOLD) return;
      if (!this.#draft) this.#begin(id);
      const minutes = snapped(x * this.#chart.minutesPerPixel);
      const rows = grip === "all" ? Math.round(y / origin.rowHeight) : 0;
      this.#moveTo(shifted(this.#draft.from, minutes, rows, grip));
    };
    // From the first moment: a quick hand is off the bar before it has moved at all.
    node.setPointerCapture(event.pointerId);
    const ended = new AbortController();
    const { signal } = ended;
    node.addEventListener("pointermove", follow, { signal });
    node.addEventListener("pointerup", () => (ended.abort(), this.#send()), { signal });
    node.addEventListener("pointercancel", () => (ended.abort(), this.#putBack()), { signal });
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const node = event.target.closest?.(".bar");
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const id = Number(node.dataset.surgeryId);
    const push = KEYS.get(event.key);
    if (push) {
      if (!this.#draft) this.#begin(id);
      this.#moveTo(shifted(this.#draft.to, push.minutes, push.rows, event.shiftKey ? "end" : "all"));
      this.#say(`${this.#words(this.#draft.to)}. Enter moves it, Escape puts it back.`);
    } else if (this.#draft && event.key === "Enter") this.#send();
    else if (this.#draft && event.key === "Escape") this.#putBack();
    else return;
    event.preventDefault();
  }

  #begin(id) {
    const surgery = this.#board.surgeries.get(id);
    const row = Math.max(0, this.#chart.roomIds.indexOf(surgery.room));
    const from = { ...this.#chart.minutesOf(surgery), row };
    this.#draft = { id, from, to: from };
    this.#chart.hold(id);
    document.body.classList.add("dragging");
  }

  /** @param {Place} to */
  #moveTo(to) {
    to.row = Math.min(this.#chart.roomIds.length - 1, Math.max(0, to.row));
    this.#draft.to = to;
    this.#chart.place(this.#draft.id, to);
  }

  #putBack() {
    this.#draft = null;
    this.#chart.hold(null);
    document.body.classList.remove("dragging");
  }

  /** Asks the server; the bar stays where it was put until the answer is there. */
  async #send() {
    const draft = this.#draft;
    if (!draft) return;
    const changes = this.#changes(draft);
    this.#draft = null;
    document.body.classList.remove("dragging");
    try {
      if (Object.keys(changes).length) {
        const surgery = await this.#session.send("PATCH", `/api/surgeries/${draft.id}`, changes);
        this.#board.keep(surgery);
        this.#say(`Moved to ${this.#words(draft.to)}.`);
      }
    } catch (error) {
      const why = error instanceof RequestFailed ? error.message : "The server cannot be reached.";
      this.#say(`Not moved: ${why}`, true);
    } finally {
      this.#chart.hold(null);
    }
  }

  /** What is to be written: by how much it was moved, from where the board has it now. */
  #changes({ id, from, to }) {
    const surgery = this.#board.surgeries.get(id);
    const changes = {};
    if (!surgery) return changes;
    const room = this.#chart.roomIds[to.row];
    if (to.row !== from.row) changes.room = room;
    for (const [field, moved] of [
      ["start_time", to.start - from.start],
      ["end_time", to.end - from.end],
    ]) {
      if (moved) changes[field] = new Date(Date.parse(surgery[field]) + moved * MINUTE).toISOString();
    }
    return changes;
  }

  /** @param {Place} place */
  #words({ start, end, row }) {
    const room = this.#board.rooms.get(this.#chart.roomIds[row])?.name ?? "";
    return `${wallClock(start)} to ${wallClock(end)}, ${room}`;
  }

  #rowHeight() {
    return this.#chart.lanes.clientHeight / Math.max(1, this.#chart.roomIds.length);
  }
}

/** @param {Place} place @param {number} minutes @param {number} rows @param {string} grip */
function shifted({ start, end, row }, minutes, rows, grip) {
  if (grip === "start") return { start: Math.min(start + minutes, end - STEP), end, row };
  if (grip === "end") return { start, end: Math.max(end + minutes, start + STEP), row };
  return { start: start + minutes, end: end + minutes, row: row + rows };
}

/** @param {number} x @param {DOMRect} box */
function gripAt(x, box) {
  if (x - box.left < EDGE) return "start";
  return box.right - x < EDGE ? "end" : "all";
}

function snapped(minutes) {
  return Math.round(minutes / STEP) * STEP;
}

/** The list of what arrived: which surgery changed, from what to what, and by whom. */

import { ROOM, SURGERY } from "./board.js";
import { STATUS } from "./bar.js";
import { element } from "./elements.js";

const KEPT = 60;
const NAMED_IN_BULK = 5;

const LABELS = new Map([
  ["start_time", "start"],
  ["end_time", "end"],
  ["surgery_type", "procedure"],
  ["patient_name", "patient"],
]);

const DEEDS = new Map([
  ["create", "planned"],
  ["delete", "removed"],
]);

export class Arrivals {
  #list;
  #board;
  #calendar;
  #nameOf;

  /**
   * @param {HTMLElement} list
   * @param {import("./board.js").Board} board
   * @param {import("./calendar.js").Calendar} calendar
   * @param {(userId: number) => string} nameOf
   */
  constructor(list, board, calendar, nameOf) {
    this.#list = list;
    this.#board = board;
    this.#calendar = calendar;
    this.#nameOf = nameOf;
  }

  /**
   * Tells of a `schedule_update`. To be called before the board takes it in: a surgery that is
   * removed still has its name then.
   * @param {import("./line.js").Frame} frame
   */
  tell({ data, timestamp, user_id: userId }) {
    const who = userId ? this.#nameOf(userId) : "system";
    const objects = data.action === "bulk" ? data.objects : [data];
    for (const change of objects.slice(0, NAMED_IN_BULK)) {
      this.note(timestamp, this.#subject(data.model, change), this.#deed(change), who);
    }
    const more = objects.length - NAMED_IN_BULK;
    if (more > 0) this.note(timestamp, `${more} more`, "changed at once", who);
  }

  /**
   * @param {string | undefined} timestamp
   * @param {string} subject
   * @param {string} deed
   * @param {string} who
   */
  note(timestamp, subject, deed, who) {
    const line = element("li");
    line.append(
      element("time", "", this.#calendar.clock(timestamp ? new Date(timestamp) : new Date())),
      element("b", "", subject),
      element("span", "", deed),
      element("small", "", who),
    );
    this.#list.prepend(line);
    while (this.#list.children.length > KEPT) this.#list.lastElementChild.remove();
  }

  #subject(model, change) {
    const room = this.#board.rooms.get(change.surgery_id);
    if (model === ROOM && room) return room.name;
    const known = this.#board.surgeries.get(change.surgery_id);
    if (model === SURGERY && known) return `${known.room_name} · ${known.surgery_type}`;
    const { surgery_type: procedure, name } = change.changes ?? {};
    const place = model === SURGERY && this.#board.rooms.get(change.room_id)?.name;
    const what = procedure ?? name ?? `${model.split(".").pop()} ${change.surgery_id}`;
    return place ? `${place} · ${what}` : what;
  }

  #deed({ action, reason, changes = {}, previous = {} }) {
    if (reason === "left") return "moved out of sight";
    if (DEEDS.has(action)) return DEEDS.get(action);
    return Object.entries(changes)
      .map(([field, value]) => {
        const label = LABELS.get(field) ?? field.replaceAll("_", " ");
        const after = this.#shown(field, value);
        return field in previous
          ? `${label} ${this.#shown(field, previous[field])} → ${after}`
          : `${label} ${after}`;
      })
      .join(", ");
  }

  #shown(field, value) {
    if (value === null || value === "") return "none";
    if (field === "start_time" || field === "end_time") {
      return this.#calendar.clockOn(this.#board.day, new Date(value));
    }
    if (field === "status") return (STATUS.get(value) ?? value).toLowerCase();
    if (field === "room") return this.#board.rooms.get(value)?.name ?? `room ${value}`;
    if (field === "surgeon" || field === "anaesthetist") return this.#nameOf(value);
    return String(value);
  }
}

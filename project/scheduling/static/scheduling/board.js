/** What the board knows of one day: its rooms and surgeries, kept level with what the line says. */

import { daysBetween } from "./calendar.js";
import { RequestFailed } from "./session.js";

export const ROOM = "scheduling.operatingroom";
export const SURGERY = "scheduling.surgery";
const DAY = 24 * 60;
const MANY = 20; // reading the day afresh is cheaper than asking for so many surgeries one by one

/**
 * @typedef {{id: number, name: string, specialty: string}} Room
 * @typedef {{id: number, room: number, room_name: string, surgeon: number, surgeon_name: string,
 *            anaesthetist: number | null, anaesthetist_name: string | null, surgery_type: string,
 *            patient_name?: string, notes?: string, priority: string, status: string,
 *            start_time: string, end_time: string}} Surgery
 * @typedef {{action: string, surgery_id: number, schedule_date: string | null,
 *            changes: Record<string, any>, previous: Record<string, any>}} Change
 */

export class Board {
  /** @type {Map<number, Room>} */
  rooms = new Map();
  /** @type {Map<number, Surgery>} */
  surgeries = new Map();
  /** @type {Map<number, string>} names, by user id */
  people = new Map();

  #session;
  #calendar;

  /**
   * @param {import("./session.js").Session} session
   * @param {import("./calendar.js").Calendar} calendar
   */
  constructor(session, calendar) {
    this.#session = session;
    this.#calendar = calendar;
    this.day = calendar.today();
  }

  /** Reads the whole day afresh. */
  async load() {
    const day = this.day;
    const [people, rooms, surgeries] = await Promise.all([
      this.#session.get("/api/people"),
      this.#session.get("/api/rooms"),
      this.#session.get(`/api/surgeries?date=${day}`),
    ]);
    if (day !== this.day) return; // somebody has turned the page, and that day is on its way
    this.people = new Map(Object.entries(people).map(([id, name]) => [Number(id), name]));
    this.rooms = new Map(rooms.map((room) => [room.id, room]));
    this.surgeries = new Map();
    for (const surgery of surgeries) this.keep(surgery);
  }

  /**
   * Takes in a `schedule_update`, and returns the ids of the surgeries it changed.
   * @param {Change & {model: string, objects?: Change[]}} update
   */
  async apply(update) {
    if (update.model === ROOM) await this.load();
    if (update.model !== SURGERY) return [];
    const changes = update.action === "bulk" ? update.objects : [update];
    if (changes.length > MANY) {
      await this.load();
    } else {
      for (const change of changes) await this.#applyOne(change);
    }
    return changes.map((change) => change.surgery_id);
  }

  /** @param {Surgery} surgery */
  isOnThisDay(surgery) {
    const start = this.#calendar.minutesInto(this.day, new Date(surgery.start_time));
    const end = this.#calendar.minutesInto(this.day, new Date(surgery.end_time));
    return start < DAY && end > 0;
  }

  /** @param {Change} change */
  async #applyOne(change) {
    const known = this.surgeries.get(change.surgery_id);
    if (change.action === "delete") {
      this.surgeries.delete(change.surgery_id);
    } else if (known && change.action === "update") {
      await this.#merge({ ...known }, change.changes);
    } else if (this.#mayBeOnThisDay(change)) {
      await this.#fetch(change.surgery_id);
    }
  }

  /** @param {Surgery} surgery @param {Record<string, any>} changes */
  async #merge(surgery, changes) {
    for (const [field, value] of Object.entries(changes)) surgery[field] = value;
    surgery.room_name = this.rooms.get(surgery.room)?.name ?? "";
    surgery.surgeon_name = this.people.get(surgery.surgeon) ?? "";
    surgery.anaesthetist_name = this.people.get(surgery.anaesthetist) ?? null;
    this.keep(surgery);
    const unknown = [surgery.surgeon, surgery.anaesthetist].some((id) => id && !this.people.has(id));
    if (unknown) await this.#fetch(surgery.id);
  }

  /** @param {number} id */
  async #fetch(id) {
    try {
      this.keep(await this.#session.get(`/api/surgeries/${id}`));
    } catch (error) {
      // Gone again already: the line is about to say so.
      if (!(error instanceof RequestFailed) || error.status !== 404) throw error;
      this.surgeries.delete(id);
    }
  }

  /** Takes a surgery as the server has just told it. @param {Surgery} surgery */
  keep(surgery) {
    this.people.set(surgery.surgeon, surgery.surgeon_name);
    if (surgery.anaesthetist) this.people.set(surgery.anaesthetist, surgery.anaesthetist_name);
    if (this.isOnThisDay(surgery)) this.surgeries.set(surgery.id, surgery);
    else this.surgeries.delete(surgery.id);
  }

  /** A surgery counts for the day it begins on, and may reach into the next. */
  #mayBeOnThisDay({ schedule_date: date }) {
    return !date || [0, 1].includes(daysBetween(date, this.day));
  }
}

/** Days and wall-clock times in the hospital's time zone, wherever the browser may be. */

const MINUTE = 60_000;
const DAY = 24 * 60;

export class Calendar {
  #parts;
  #clock;

  /** @param {string} zone an IANA name, such as Europe/Vienna */
  constructor(zone) {
    const clock = { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    this.#clock = new Intl.DateTimeFormat("en-GB", clock);
    const date = { year: "numeric", month: "2-digit", day: "2-digit" };
    this.#parts = new Intl.DateTimeFormat("en-GB", { ...clock, ...date });
  }

  /** `2026-01-15`, of now. */
  today() {
    const { year, month, day } = this.#read(new Date());
    return `${year}-${month}-${day}`;
  }

  /** `09:30`. @param {Date} instant */
  clock(instant) {
    return this.#clock.format(instant);
  }

  /**
   * `09:30`, with the date in front when it is another day's.
   * @param {string} day
   * @param {Date} instant
   */
  clockOn(day, instant) {
    const { year, month, day: date } = this.#read(instant);
    const its = `${year}-${month}-${date}`;
    return its === day ? this.clock(instant) : `${its} ${this.clock(instant)}`;
  }

  /**
   * Wall-clock minutes since the midnight that begins `day`: negative on the day before.
   * @param {string} day
   * @param {Date} instant
   */
  minutesInto(day, instant) {
    const { year, month, day: date, hour, minute } = this.#read(instant);
    const days = daysBetween(day, `${year}-${month}-${date}`);
    return days * DAY + Number(hour) * 60 + Number(minute);
  }

  /** @param {Date} instant @returns {Record<string, string>} */
  #read(instant) {
    const parts = this.#parts.formatToParts(instant).map(({ type, value }) => [type, value]);
    return Object.fromEntries(parts);
  }
}

/**
 * How many days `later` comes after `earlier`, both as `2026-01-15`.
 * @param {string} earlier
 * @param {string} later
 */
export function daysBetween(earlier, later) {
  return Math.round((Date.parse(later) - Date.parse(earlier)) / (DAY * MINUTE));
}

/** @param {string} day @param {number} days */
export function shifted(day, days) {
  return new Date(Date.parse(day) + days * DAY * MINUTE).toISOString().slice(0, 10);
}

/** `09:30`, of minutes into a day. @param {number} minutes */
export function wallClock(minutes) {
  const parts = [Math.floor(minutes / 60), minutes % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** Who is here now, on which day and page, folded by person however many tabs they have open. */

import { element } from "./elements.js";

/** @typedef {{user_id: number, username: string, current_page?: string | null,
 *             active_schedule_date?: string | null}} Person */

export class Presence {
  /** @type {Map<number, Person>} */
  #users = new Map();
  #list;
  #day;

  /** @param {HTMLElement} list @param {() => string} day the day that is shown here */
  constructor(list, day) {
    this.#list = list;
    this.#day = day;
  }

  /** @param {Person[]} users */
  replace(users) {
    this.#users = new Map(users.map((user) => [user.user_id, user]));
    this.draw();
  }

  /** @param {Person & {action: string}} user */
  hear(user) {
    if (user.action === "leave") this.#users.delete(user.user_id);
    else this.#users.set(user.user_id, { ...this.#users.get(user.user_id), ...user });
    this.draw();
  }

  /** @param {number} userId */
  nameOf(userId) {
    return this.#users.get(userId)?.username;
  }

  draw() {
    const users = [...this.#users.values()];
    users.sort((one, other) => one.username.localeCompare(other.username));
    this.#list.replaceChildren(...users.map((user) => this.#item(user)));
  }

  /** @param {Person} user */
  #item({ username, current_page: page, active_schedule_date: date }) {
    const item = element("li", "", username);
    const isElsewhere = date && date !== this.#day();
    const where = [isElsewhere && date, page !== "/" && page].filter(Boolean).join(" ");
    if (where) item.append(element("small", "", where));
    item.classList.toggle("elsewhere", Boolean(where));
    return item;
  }
}

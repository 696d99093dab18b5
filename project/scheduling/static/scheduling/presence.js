/** Who is here now, folded by person however many tabs they have open. */

import { element } from "./elements.js";

export class Presence {
  /** @type {Map<number, {user_id: number, username: string, current_page?: string}>} */
  #users = new Map();
  #list;

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /** @param {{user_id: number, username: string}[]} users */
  replace(users) {
    this.#users = new Map(users.map((user) => [user.user_id, user]));
    this.#draw();
  }

  /** @param {{user_id: number, username: string, action: string}} user */
  hear(user) {
    if (user.action === "leave") this.#users.delete(user.user_id);
    else this.#users.set(user.user_id, { ...this.#users.get(user.user_id), ...user });
    this.#draw();
  }

  /** @param {number} userId */
  nameOf(userId) {
    return this.#users.get(userId)?.username;
  }

  #draw() {
    const names = [...this.#users.values()].map((user) => user.username).sort();
    this.#list.replaceChildren(...names.map((name) => element("li", "", name)));
  }
}

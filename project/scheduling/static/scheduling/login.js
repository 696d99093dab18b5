/** The login form: shown when nobody is logged in, gone when somebody is. */

import { LoginRequired } from "./session.js";

export class Login {
  #form;
  #problem;

  /**
   * @param {HTMLFormElement} form
   * @param {import("./session.js").Session} session
   * @param {() => void} onLogin
   */
  constructor(form, session, onLogin) {
    this.#form = form;
    this.#problem = form.querySelector("output");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await this.#try(session)) onLogin();
    });
  }

  show() {
    this.#form.hidden = false;
    this.#form.elements.username.focus();
  }

  hide() {
    this.#form.hidden = true;
    this.#form.reset();
  }

  /** @param {import("./session.js").Session} session */
  async #try(session) {
    const { username, password, send } = this.#form.elements;
    send.disabled = true;
    try {
      await session.login(username.value, password.value);
      return true;
    } catch (error) {
      this.#problem.textContent =
        error instanceof LoginRequired ? error.message : "The server cannot be reached.";
      return false;
    } finally {
      send.disabled = false;
    }
  }
}

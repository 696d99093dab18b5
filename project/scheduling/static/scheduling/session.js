/** The person's tokens, kept for this tab alone, and the REST calls made with them. */

const KEY = "scheduling.session";

/** The tokens are no good any more: only the person can help. */
export class LoginRequired extends Error {}

/** The server answered, but not with what was asked for. */
export class RequestFailed extends Error {
  /**
   * @param {number} status
   * @param {string} reason what the server says is wrong, for a person
   */
  constructor(status, reason = "") {
    super(reason || `The server answered ${status}.`);
    this.status = status;
  }
}

export class Session {
  /** @type {{access: string, refresh: string, username: string} | null} */
  #tokens = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  /** @type {Promise<void> | null} */
  #refreshing = null;

  get isOpen() {
    return this.#tokens !== null;
  }

  get username() {
    return this.#tokens?.username ?? "";
  }

  get access() {
    return this.#tokens?.access ?? "";
  }

  /**
   * @param {string} username
   * @param {string} password
   * @throws {LoginRequired} for a wrong name or password
   */
  async login(username, password) {
    const tokens = await this.#post("/api/token", { username, password });
    this.#keep({ ...tokens, username });
  }

  forget() {
    this.#keep(null);
  }

  /** Gets a new access token; calls made meanwhile share the one request. */
  refresh() {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /**
   * The JSON at a path.
   * @param {string} path
   * @throws {LoginRequired | RequestFailed}
   */
  get(path) {
    return this.send("GET", path);
  }

  /**
   * What the server answers to a call, with a new token where the old one has ended.
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @throws {LoginRequired | RequestFailed}
   */
  async send(method, path, body) {
    let response = await this.#fetch(method, path, body);
    if (response.status === 401) {
      await this.refresh();
      response = await this.#fetch(method, path, body);
    }
    return answer(response);
  }

  async #refresh() {
    const held = this.#tokens;
    if (held === null) throw new LoginRequired("Nobody is logged in.");
    const { access } = await this.#post("/api/token/refresh", { refresh: held.refresh });
    // Somebody may have logged out, or in as somebody else, while the answer was on its way.
    if (this.#tokens === held) this.#keep({ ...held, access });
  }

  #fetch(method, path, body) {
    const headers = { Authorization: `Bearer ${this.access}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return fetch(path, { method, headers, body: body && JSON.stringify(body) });
  }

  async #post(path, body) {
    const headers = { "Content-Type": "application/json" };
    return answer(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
  }

  #keep(tokens) {
    this.#tokens = tokens;
    if (tokens === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(tokens));
  }
}

/** @param {Response} response */
async function answer(response) {
  if (response.status === 401) throw new LoginRequired("The name or the password is wrong.");
  if (!response.ok) throw new RequestFailed(response.status, await reason(response));
  return response.status === 204 ? null : response.json();
}

/** REST framework's errors as one sentence: `detail`, or a list by field. */
async function reason(response) {
  const errors = await response.json().catch(() => ({}));
  return Object.entries(errors)
    .map(([field, said]) => (field === "detail" ? said : `${field.replaceAll("_", " ")}: ${said}`))
    .join(" ");
}

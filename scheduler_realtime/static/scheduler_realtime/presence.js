/** Who is here, as the server told it and as it changed since: everybody once, whatever they have open. */

export class Presence extends EventTarget {
  /** @type {Map<string, any>} by the user's id, as a text */
  #users = new Map();
  #client;
  #ends;

  /** @param {import("./client.js").SurgerySchedulerWebSocket} client */
  constructor(client) {
    super();
    this.#client = client;
    this.#ends = [
      client.on("welcome", () => this.#ask()),
      client.on("presence_state", ({ data }) => this.#replace(data.users)),
      client.on("user_presence", ({ data }) => this.#change(data)),
    ];
    if (client.transport === "socket") this.#ask();
  }

  /** Everybody who is here, by name. */
  get users() {
    return [...this.#users.values()].sort((a, b) => a.username.localeCompare(b.username));
  }

  /** @param {string | number} id */
  get(id) {
    return this.#users.get(`${id}`);
  }

  /** Listen no longer. */
  close() {
    for (const end of this.#ends) end();
  }

  #ask() {
    this.#client.presence().catch(() => {}); // the next line is asked again
  }

  #replace(users) {
    this.#users = new Map(users.map((user) => [`${user.user_id}`, user]));
    this.#tell({ action: "state" });
  }

  #change({ action, ...told }) {
    const id = `${told.user_id}`;
    if (action === "leave") this.#users.delete(id);
    else this.#users.set(id, { ...this.#users.get(id), ...told });
    this.#tell({ action, user: told });
  }

  /** Says `change`, with what happened in its `detail`. */
  #tell(detail) {
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }
}

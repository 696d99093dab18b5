/** The feed of statistics: gets a ticket, opens the socket, and opens it anew for as long as it may. */

const FIRST_DELAY = 500;
const LONGEST_DELAY = 10_000; // few watch, and they watch while something is wrong
const STEADY = 10_000; // a line that lived so long was not refused: start over with short delays
const GRACE = 15_000; // how long an answer may take, at the most
const SHARE = 0.75; // of the heartbeats' interval, likewise
const EVERY = 30_000;

const FINAL = new Map([
  [4403, "forbidden"],
  [4409, "stopped"],
]);

/**
 * @typedef {"stopped" | "forbidden" | "loggedOut"} End
 * @typedef {{statistics: (data: any) => void, line: (isStale: boolean) => void,
 *            lost: () => void, ended: (why: End) => void}} Hooks
 */

export class Feed {
  #addresses;
  #hooks;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempts = 0;
  #openedAt = 0;
  #every = EVERY;
  #heartbeat = 0;
  #silence = 0;
  #retry = 0;

  /**
   * @param {{socket: string, ticket: string, csrf: string}} addresses
   * @param {Hooks} hooks
   */
  constructor(addresses, hooks) {
    this.#addresses = addresses;
    this.#hooks = hooks;
    addEventListener("online", () => this.#retry && this.open());
    addEventListener("pagehide", () => this.#hangUp());
    addEventListener("pageshow", (event) => event.persisted && this.open());
  }

  async open() {
    this.#hangUp();
    const ticket = await this.#ticket();
    if (ticket === null) return;
    const url = new URL(this.#addresses.socket, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("ticket", ticket);
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#expect(GRACE);
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event.code);
  }

  /** A ticket, or null where there is none: then it is known what comes next. */
  async #ticket() {
    try {
      const response = await fetch(this.#addresses.ticket, {
        method: "POST",
        headers: { "X-CSRFToken": this.#addresses.csrf },
        redirect: "manual",
        signal: AbortSignal.timeout(GRACE),
      });
      // The admin sends whoever is not logged in to another page.
      if (response.type === "opaqueredirect") return this.#end("loggedOut");
      if (response.status === 403) return this.#end("forbidden");
      if (response.ok) return (await response.json()).ticket;
    } catch {
      // The network's fault: it passes.
    }
    this.#lost(1006);
    return null;
  }

  #hangUp() {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    clearInterval(this.#heartbeat);
    this.#retry = this.#silence = 0;
    if (this.#socket) {
      this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
    }
    this.#socket = null;
  }

  /** @param {string} type @param {object} data */
  #send(type, data) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ type, data }));
    }
  }

  #beat() {
    this.#send("heartbeat", { current_page: location.pathname });
    this.#expect(Math.min(GRACE, SHARE * this.#every));
  }

  /**
   * A line that is dead without a word is noticed by its silence.
   * @param {number} patience
   */
  #expect(patience) {
    this.#silence ||= setTimeout(() => this.#lost(1006), patience);
  }

  /** @param {{type: string, data: any}} frame */
  #hear({ type, data }) {
    clearTimeout(this.#silence);
    this.#silence = 0;
    if (type === "welcome") this.#welcome(data);
    if (type === "statistics") this.#hooks.statistics(data);
    if (type === "line") this.#hooks.line(data.state === "stale");
  }

  #welcome(data) {
    this.#openedAt = Date.now();
    this.#every = (data.heartbeat_interval ?? EVERY / 1000) * 1000;
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => this.#beat(), this.#every);
    this.#send("subscribe", { types: ["statistics"] });
    this.#hooks.line(false);
    this.#beat();
  }

  /** @param {number} code */
  #lost(code) {
    const lived = this.#openedAt ? Date.now() - this.#openedAt : 0;
    this.#openedAt = 0;
    this.#hangUp();
    const end = FINAL.get(code);
    if (end) return this.#end(end);
    this.#attempts = lived > STEADY ? 1 : this.#attempts + 1;
    this.#hooks.lost();
    const most = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (this.#attempts - 1));
    this.#retry = setTimeout(() => this.open(), Math.random() * most);
    return null;
  }

  /** @param {any} why */
  #end(why) {
    this.#hangUp();
    this.#hooks.ended(why);
    return null;
  }
}

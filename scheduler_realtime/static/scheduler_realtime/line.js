/** The line to the server, kept up for as long as it is wanted: over a socket, or page by page. */

import { GRACE, Link } from "./link.js";
import { Pacing, refusal } from "./pacing.js";
import { Polling } from "./polling.js";
import { Refused, headersOf, within } from "./tickets.js";

const MISSES = 3; // sockets that could not be opened, before the log is read over HTTP
const UNAUTHORISED = 4401;
const GONE = 1006;
const EVENTS = ["online", "offline", "pageshow", "pagehide", "resume", "visibilitychange"];

export class Line {
  /** Why nobody may connect, or null. @type {string | null} */
  refusal = null;
  isWanted = false;
  isJoined = false; // the socket was welcomed, or a page of the log was read
  isCatchingUp = false;
  hasFailed = false; // since it was live
  heardAt = 0;
  /** Since when the server itself cannot read the log. @type {Date | null} */
  serverStale = null;
  /** @type {Link | null} */
  link = null;
  #getToken;
  #isFixed; // a text: no better the next time
  #options;
  #clock;
  #place;
  #hooks;
  #polling;
  #pacing;
  #run = 0; // counts the tries: the answer to an old one is none
  #retry = null;
  #misses = 0;
  #why = "connect";
  #credential = null;

  /**
   * @param {any} getToken @param {any} options @param {import("./place.js").Place} place
   * @param {{frame: (frame: any) => void, welcome: (data: any) => void, beat: () => void,
   *          lost: () => void, changed: () => void, isBusy: () => boolean}} hooks
   */
  constructor(getToken, options, place, hooks) {
    this.#isFixed = typeof getToken === "string";
    this.#getToken = this.#isFixed ? () => getToken : getToken;
    this.#options = options;
    this.#clock = options.clock;
    this.#place = place;
    this.#hooks = hooks;
    this.#pacing = new Pacing(options.random);
    this.#polling = new Polling(options.clock, {
      ask: (signal) => this.#ask(signal),
      page: (page) => this.#read(page),
      failed: (status) => this.#failed(status),
      patience: 1000 * this.#wait + Math.max(2000, options.interval),
    });
  }

  /** Whether what comes can be trusted to be all there is. */
  get isReached() {
    return this.isJoined && !this.serverStale && !this.link?.isInDoubt;
  }

  get isPolling() {
    return this.#polling.isOn && this.isJoined;
  }

  connect() {
    if (this.isWanted && this.refusal === null) return;
    this.isWanted = true;
    this.refusal = null;
    this.#why = "connect";
    this.heardAt = this.#clock.now();
    this.#listen("addEventListener");
    this.#open();
  }

  close() {
    this.isWanted = false;
    this.refusal = null;
    this.#stop();
  }

  /** Hang up and connect anew, at once. */
  reconnect() {
    if (!this.isWanted || this.refusal !== null) return;
    this.#hangUp();
    this.#open();
  }

  /** A request of the API with whatever the socket was opened with. */
  async request(path, method = "GET", signal = undefined) {
    this.#credential ??= await this.#ticket();
    const headers = headersOf(this.#credential);
    return this.#options.fetch(new URL(path, this.#options.url), { method, headers, signal });
  }

  async #open() {
    const run = ++this.#run;
    this.#clock.clearTimeout(this.#retry);
    this.#retry = null;
    try {
      const given = await this.#ticket();
      if (run !== this.#run) return;
      this.#credential = given;
      const link = new Link(this.#clock, {
        frame: (frame) => this.#hear(frame),
        beat: this.#hooks.beat,
        doubt: () => this.#doubt(),
        lost: (code, lived) => this.#lost(code, lived),
      });
      this.link = link;
      link.open(this.#options.WebSocket, ...this.#address(given));
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof Refused) this.#refuse(error.message);
      else this.#lost(GONE, 0);
    }
  }

  /** A token, or `{ticket}`, fresh for each connection. */
  async #ticket() {
    const asked = Promise.resolve(this.#getToken({ reason: this.#why }));
    const given = await within(this.#clock, GRACE, asked);
    if (!given) throw new Refused("logged out");
    return given;
  }

  #address(given) {
    const url = new URL("ws", this.#options.url);
    url.protocol = url.protocol.replace("http", "ws");
    for (const [key, value] of Object.entries(this.#place.wish)) url.searchParams.set(key, value);
    if (typeof given === "string") return [url, ["scheduler.v1", `bearer.${given}`]];
    url.searchParams.set("ticket", given.ticket);
    return [url, ["scheduler.v1"]];
  }

  #hear(frame) {
    this.heardAt = this.link.heardAt;
    const { type, data } = frame;
    if (type === "welcome") this.#welcome(data);
    if (type === "caught_up") this.isCatchingUp = false;
    if (type === "token_expiring") this.#renew();
    if (type === "line") this.serverStale = data.state === "stale" ? new Date(data.since) : null;
    this.#hooks.frame(frame);
    this.#hooks.changed();
  }

  #welcome(data) {
    this.#misses = 0;
    this.#why = "connect";
    this.#polling.stop();
    this.isJoined = true;
    this.serverStale = null;
    this.isCatchingUp = data.recovered === true;
    this.#hooks.welcome(data);
  }

  /** Shows a fresh token to the open line. With tickets there is none: a new line gets a new one. */
  async #renew() {
    const { link } = this;
    try {
      const given = await this.#getToken({ reason: "expiring" });
      if (typeof given !== "string" || link !== this.link) return;
      this.#credential = given;
      link.send("authenticate", { token: given });
    } catch {
      // The line lives on until the token ends; then a new one is asked for.
    }
  }

  #doubt() {
    this.hasFailed = true;
    this.#hooks.changed();
  }

  #lost(code, lived) {
    const misses = lived || code > 4000 ? 0 : this.#misses + 1;
    this.#hangUp();
    this.#misses = misses;
    const why = refusal(code) ?? (this.#isFixed && code === UNAUTHORISED ? "token rejected" : null);
    if (why) return this.#refuse(why);
    this.#why = code === UNAUTHORISED ? "rejected" : "connect";
    if (misses >= MISSES) this.#polling.start();
    const pause = this.#pacing.after(code, lived);
    this.#retry = this.#clock.setTimeout(() => this.#open(), pause);
  }

  #refuse(why) {
    this.#stop();
    this.hasFailed = true;
    this.refusal = why;
    this.#hooks.changed();
  }

  #hangUp() {
    this.#run++;
    this.#clock.clearTimeout(this.#retry);
    this.#retry = null;
    this.link?.hangUp();
    this.link = null;
    if (!this.#polling.isOn) this.#down();
  }

  #down() {
    this.isJoined = this.isCatchingUp = false;
    this.serverStale = null;
    this.hasFailed = true;
    this.#hooks.lost();
    this.#hooks.changed();
  }

  #stop() {
    this.#polling.stop();
    this.#hangUp();
    this.#listen("removeEventListener");
  }

  #listen(how) {
    for (const type of EVENTS) this.#options.target?.[how](type, this.#wake);
  }

  /** The network or the machine is back, perhaps: find out now. */
  #wake = ({ type, persisted }) => {
    // The page goes, or into the browser's cache, where a socket may not be.
    if (type === "pagehide") return this.#hangUp();
    if (type === "visibilitychange" && globalThis.document?.hidden) return;
    if (type === "pageshow" && !persisted) return; // a page that opens is not one that comes back
    const isWaiting = this.#retry !== null || (persisted && !this.link);
    if (isWaiting && type !== "offline") this.#open();
    else this.link?.probe();
    this.#polling.hurry();
  };

  get #wait() {
    return Math.min(25, Math.max(1, Math.floor(this.#options.interval / 1000)));
  }

  async #ask(signal) {
    const { since, epoch } = this.#place.wish;
    const query = new URLSearchParams(
      epoch ? { after: since, epoch, wait: this.#wait, limit: 100 } : { limit: 1 },
    );
    return this.request(`messages?${query}`, "GET", signal);
  }

  #read(page) {
    this.heardAt = this.#clock.now();
    const isFirst = !this.#place.epoch;
    const { epoch, head, position, reason, results } = page;
    this.isJoined = true;
    this.isCatchingUp = page.has_more && !isFirst;
    const say = (type, data) => this.#hooks.frame({ type, data });
    // While the page reads its data nothing is taken: it is all there at the next look.
    if (isFirst || reason) say("resync", { reason: reason ?? "opened", epoch, position: head });
    else if (!this.#hooks.isBusy()) {
      results.forEach(this.#hooks.frame);
      say("caught_up", { position });
    }
    this.#hooks.changed();
  }

  #failed(status) {
    if (status === 401 || status === 403) {
      this.#credential = null;
      this.#why = "rejected";
    }
    if (this.isJoined) this.#down();
  }
}

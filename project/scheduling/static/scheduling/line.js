/** The line to the server: opens it, notices when it is gone, and resumes where it broke. */

import { LoginRequired } from "./session.js";

const PATH = "/api/ws/ws";
const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;
const STEADY = 10_000; // a line that lived so long was not refused: start over with short delays
const GRACE = 15_000; // how long an answer may take, at the most
const SHARE = 0.75; // of the interval, likewise: a dead line is noticed before the second one ends
const REMEMBERED = 1000; // keys of messages that may come again

const UNAUTHORISED = 4401;
const FINAL = new Map([
  [4403, "You may not use this board."],
  [4409, "An administrator ended this connection."],
]);

/** Control frames whose position promises that everything up to there has come. */
const PROMISES = new Set(["heartbeat_ack", "caught_up", "line"]);

/**
 * @typedef {"connecting" | "live" | "stale" | "reconnecting" | "stopped"} State
 * @typedef {{type: string, data: any, id?: number, key?: string, user_id?: number | null,
 *            timestamp?: string, redelivered?: boolean, early?: boolean}} Frame
 */

export class Line {
  #session;
  #hooks;
  /** @type {WebSocket | null} */
  #socket = null;
  #position = 0;
  /** @type {Set<string>} */
  #keys = new Set();
  #epoch = "";
  #attempts = 0;
  #openedAt = 0;
  #heardAt = new Date();
  #wanted = false;
  #refused = false; // the last line ended with 4401, and nothing was heard since
  #every = 30_000;
  #heartbeat = 0;
  #silence = 0;
  #retry = 0;

  /**
   * @param {import("./session.js").Session} session
   * @param {{frame: (frame: Frame) => void, again: (frame: Frame) => void,
   *          loginRequired: () => void, whereabouts: () => object,
   *          state: (state: State, since: Date | null, detail?: string) => void}} hooks
   *        `frame` gets each message once; `again` one that has come before, now with its position
   */
  constructor(session, hooks) {
    this.#session = session;
    this.#hooks = hooks;
    addEventListener("online", () => this.#retry && this.open());
  }

  open() {
    this.#hangUp();
    this.#wanted = true;
    if (this.#attempts === 0) this.#hooks.state("connecting", null);
    const url = new URL(PATH, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.#epoch) {
      url.searchParams.set("since", String(this.#position));
      url.searchParams.set("epoch", this.#epoch);
    }
    const socket = new WebSocket(url, ["scheduler.v1", `bearer.${this.#session.access}`]);
    this.#socket = socket;
    this.#expect(GRACE);
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event.code);
  }

  /** Connects anew as if for the first time, for when what was read from the server is in doubt. */
  startOver() {
    this.#epoch = "";
    this.#lost(1000);
  }

  /** Hangs up for good, and stays silent about it. */
  close() {
    this.#wanted = false;
    this.#hangUp();
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
  send(type, data = {}) {
    if (this.#isOpen) this.#socket.send(JSON.stringify({ type, data }));
  }

  get #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  beat() {
    const position = this.#position || undefined;
    this.send("heartbeat", { ...this.#hooks.whereabouts(), position });
    if (this.#isOpen) this.#expect(Math.min(GRACE, SHARE * this.#every));
  }

  /**
   * A line that is dead without a word is noticed by its silence: something has to come in time.
   * Reckoned from what was sent, not from what was heard: a tab in the background sends late.
   * @param {number} patience
   */
  #expect(patience) {
    this.#silence ||= setTimeout(() => this.#lost(1006), patience);
  }

  /** @param {Frame} frame */
  #hear(frame) {
    this.#heardAt = new Date();
    clearTimeout(this.#silence);
    this.#silence = 0;
    if (frame.type === "welcome") this.#welcome(frame.data);
    if (frame.type === "resync") this.#startFrom(frame.data);
    if (frame.type === "token_expiring") this.#renew();
    if (frame.type === "line") {
      const since = frame.data.since ? new Date(frame.data.since) : this.#heardAt;
      this.#hooks.state(frame.data.state, frame.data.state === "stale" ? since : null);
    }
    if (PROMISES.has(frame.type)) {
      this.#position = Math.max(this.#position, frame.data.position ?? 0);
    }
    if (frame.id && !frame.redelivered) {
      if (frame.id <= this.#position) return;
      this.#position = frame.id;
    }
    if (this.#isKnown(frame.key)) this.#hooks.again(frame);
    else this.#hooks.frame(frame);
  }

  /** A message may come early, or once more: its key tells that it is the same. */
  #isKnown(key) {
    if (!key) return false;
    const isKnown = this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > REMEMBERED) this.#keys.delete(this.#keys.values().next().value);
    return isKnown;
  }

  #welcome(data) {
    this.#openedAt = Date.now();
    this.#refused = false;
    if (data.recovered !== true) this.#startFrom(data);
    this.#every = data.heartbeat_interval * 1000;
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => this.beat(), this.#every);
    this.beat();
    this.send("presence");
    this.#hooks.state("live", null);
  }

  #startFrom({ epoch, position }) {
    this.#epoch = epoch;
    this.#position = position;
  }

  /** @param {number} code */
  async #lost(code) {
    const lived = this.#openedAt ? Date.now() - this.#openedAt : 0;
    this.#openedAt = 0;
    this.#hangUp();
    if (FINAL.has(code)) {
      this.#hooks.state("stopped", this.#heardAt, FINAL.get(code));
      return;
    }
    this.#attempts = lived > STEADY ? 1 : this.#attempts + 1;
    this.#hooks.state("reconnecting", this.#heardAt);
    if (code === UNAUTHORISED) {
      if (this.#refused) return this.#giveUp();
      this.#refused = true;
      await this.#renew();
    }
    if (!this.#wanted) return;
    const most = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (this.#attempts - 1));
    this.#retry = setTimeout(() => this.open(), Math.random() * most);
  }

  /** Gets a new token, and shows it to an open line. */
  async #renew() {
    try {
      await this.#session.refresh();
      this.send("authenticate", { token: this.#session.access });
    } catch (error) {
      // Anything else is the network's fault, and passes.
      if (error instanceof LoginRequired) this.#giveUp();
    }
  }

  #giveUp() {
    this.close();
    this.#hooks.loginRequired();
  }
}

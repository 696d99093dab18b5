/** The client: one line to the server for as long as the page lives, and the truth about its state. */

import { Asking } from "./asking.js";
import { Events } from "./events.js";
import { Intake } from "./intake.js";
import { Link } from "./link.js";
import { Pacing, refusal } from "./pacing.js";
import { Place } from "./place.js";
import { Polling } from "./polling.js";
import { Refused, within } from "./tickets.js";

const MISSES = 3; // sockets that could not be opened, before the log is read over HTTP
const UNAUTHORISED = 4401;
const GONE = 1006;
const AWAKE = ["online", "offline", "pageshow", "resume", "visibilitychange"];

const HOOKS = {
  schedule_update: "handleScheduleUpdate",
  optimization_progress: "handleOptimizationProgress",
  conflict_notification: "handleConflictNotification",
  user_presence: "handleUserPresence",
  emergency_alert: "handleEmergencyAlert",
  system_notification: "handleSystemNotification",
};

export class SurgerySchedulerWebSocket {
  /** Since when what the page shows may be out of date, or null while it is live. @type {Date | null} */
  staleSince = null;
  /** Why nobody may connect, while the state is `refused`. @type {string | null} */
  refusal = null;
  #options;
  #getToken;
  #clock;
  #url;
  #events;
  #place;
  #intake;
  #polling;
  #pacing;
  #asking;
  /** @type {Link | null} */
  #link = null;
  #wanted = false;
  #run = 0; // counts the tries to connect: an answer to an old one is no answer
  #retry = null;
  #misses = 0;
  #why = "connect";
  #credential = null;
  #filter = null;
  #joined = false; // the socket was welcomed, or a page of the log was read
  #isCatchingUp = false;
  #hasFailed = false;
  #serverStale = null;
  #heardAt = 0;
  #said = "closed";
  #expectsResync = false;

  /**
   * @param {string | ((why: {reason: string}) => any)} tokenOrGetToken
   * @param {import("./index.js").Options} options
   */
  constructor(tokenOrGetToken, options = {}) {
    this.#options = { interval: 2500, Socket: globalThis.WebSocket, ...options };
    this.#getToken = tokenOrGetToken;
    const { setTimeout, clearTimeout } = globalThis;
    this.#clock = options.clock ?? {
      now: () => Date.now(),
      setTimeout: (call, ms) => setTimeout(call, ms),
      clearTimeout: (timer) => clearTimeout(timer),
    };
    this.#url = new URL(options.url ?? "/api/ws/", globalThis.location?.href);
    this.#events = new Events(options.report ?? globalThis.reportError ?? console.error);
    const name = `scheduler_realtime ${this.#url} ${globalThis.location?.pathname ?? ""}`;
    this.#place = new Place(storageOf(options), name);
    this.#intake = new Intake(this.#place, this.#clock, {
      handOn: (frame) => this.#handOn(frame),
      placed: (frame) => this.#placed(frame),
      changed: () => this.#tell(),
      load: (reason) => this.#load(reason),
      overrun: () => this.reconnect(),
    });
    this.#polling = new Polling(this.#clock, {
      ask: (signal) => this.#fetchPage(signal),
      page: (page) => this.#readPage(page),
      failed: (status) => this.#failedPage(status),
      patience: Math.max(2 * this.#options.interval, 1000 * this.#wait + 2000),
    });
    this.#pacing = new Pacing(options.random ?? Math.random);
    this.#asking = new Asking((type, data, ref) => Boolean(this.#link?.send(type, data, ref)));
  }

  /** The log's position up to which everything was handed on. */
  get position() {
    return this.#place.position;
  }

  get epoch() {
    return this.#place.epoch;
  }

  /** The open socket, or null. */
  get ws() {
    return this.#link?.socket ?? null;
  }

  /** By which road messages come. */
  get transport() {
    if (this.#polling.isOn && this.#joined) return "polling";
    return this.#joined ? "socket" : null;
  }

  /** `closed`, `catching-up`, `live`, `stale` or `refused`. */
  get state() {
    if (this.refusal !== null) return "refused";
    if (!this.#wanted) return "closed";
    const isReached = this.#joined && !this.#serverStale && !this.#link?.isInDoubt;
    if (!isReached || this.#intake.hasFailed) return this.#hasFailed ? "stale" : "catching-up";
    return this.#isCatchingUp || this.#intake.owed !== null ? "catching-up" : "live";
  }

  /** @returns {() => void} the end of it */
  on(type, handler) {
    return this.#events.on(type, handler);
  }

  off(type, handler) {
    this.#events.off(type, handler);
  }

  connect() {
    if (this.#wanted && this.refusal === null) return;
    this.#wanted = true;
    this.refusal = null;
    this.#why = "connect";
    this.#heardAt = this.#clock.now();
    for (const type of AWAKE) this.#target?.addEventListener(type, this.#wake);
    this.#target?.addEventListener("pagehide", this.#leave);
    this.#tell();
    this.#open();
  }

  close() {
    this.#wanted = false;
    this.refusal = null;
    this.#stop();
    this.#asking.close();
    this.#tell();
  }

  /** Hang up and connect anew, at once. */
  reconnect() {
    if (!this.#wanted || this.refusal !== null) return;
    this.#hangUp();
    this.#open();
  }

  /** Have the page read its data afresh; what comes meanwhile is handed on after it. */
  resync(reason = "asked") {
    this.#intake.owed = reason;
    if (this.#joined) this.#intake.load();
  }

  /** @param {any} target a message, or its position; true once the server has it, false if it knows no such */
  ack(target) {
    const answer = this.#asking.ack(target);
    this.#acknowledge();
    return answer;
  }

  /** Narrow what is sent, on every line from now on. @returns {Promise<any>} the filter in force */
  async subscribe(filter) {
    this.#filter = filter;
    return this.#link?.openedAt ? this.#asking.ask("subscribe", filter) : undefined;
  }

  /** @returns {Promise<any>} who is here */
  presence() {
    return this.#asking.ask("presence", {});
  }

  async cancelOptimization(id) {
    const data = { optimization_id: id };
    if (this.#link?.openedAt) return this.#asking.ask("cancel_optimization", data);
    const response = await this.#request(`optimizations/${encodeURIComponent(id)}/cancel`, "POST");
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    return response.json();
  }

  getCurrentScheduleDate() {
    return this.#options.scheduleDate?.();
  }

  sendHeartbeat() {
    this.#link?.beat({
      current_page: this.#options.page?.() ?? globalThis.location?.pathname,
      active_schedule_date: this.getCurrentScheduleDate() ?? undefined,
      position: this.epoch ? this.position : undefined,
    });
    this.#acknowledge();
  }

  startHeartbeat(interval = this.#options.interval) {
    this.#link?.start(interval);
  }

  /** Hands a message to its hook and to whoever listens. */
  handleMessage(message) {
    const hook = HOOKS[message.type];
    if (hook) this.#events.attempt(() => this[hook](message.data));
  }

  handleScheduleUpdate(data) {}
  handleOptimizationProgress(data) {}
  handleConflictNotification(data) {}
  handleUserPresence(data) {}
  handleEmergencyAlert(data) {}
  handleSystemNotification(data) {}
}

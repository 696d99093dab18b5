/** The client: one line to the server for as long as the page lives, and the truth about its state. */

import { Asking } from "./asking.js";
import { Events } from "./events.js";
import { Intake } from "./intake.js";
import { Line } from "./line.js";
import { Place } from "./place.js";

const HOOKED = [
  "schedule_update",
  "optimization_progress",
  "conflict_notification",
  "user_presence",
  "emergency_alert",
  "system_notification",
];

export class SurgerySchedulerWebSocket {
  /** Since when what the page shows may be out of date, or null while it is live. @type {Date | null} */
  staleSince = null;
  #options;
  #events;
  #place;
  #intake;
  #asking;
  #line;
  #filter = null;
  #said = "closed";
  #expects = ""; // the `resync` that tells once more what `welcome` told

  /**
   * @param {string | ((why: {reason: string}) => any)} tokenOrGetToken
   * @param {any} options see `Options` in `index.d.ts`
   */
  constructor(tokenOrGetToken, options = {}) {
    this.#options = options = withDefaults(options);
    this.#events = new Events(options.report);
    const name = `scheduler_realtime ${options.url} ${globalThis.location?.pathname ?? ""}`;
    this.#place = new Place(options.storage, name);
    this.#intake = new Intake(this.#place, options.clock, {
      handOn: (frame) => this.#handOn(frame),
      placed: (frame) => this.#placed(frame),
      changed: () => this.#tell(),
      load: (reason) => this.#load(reason),
      overrun: () => this.reconnect(),
    });
    this.#asking = new Asking((...said) => Boolean(this.#line.link?.send(...said)));
    this.#line = new Line(tokenOrGetToken, options, this.#place, {
      welcome: (data) => this.#welcome(data),
      frame: (frame) => this.#hear(frame),
      beat: () => this.sendHeartbeat(),
      lost: () => this.#drop(),
      changed: () => this.#tell(),
      isBusy: () => this.#intake.isHolding,
    });
  }

  /** The log's position up to which everything was handed on. */
  get position() {
    return this.#place.position;
  }

  get epoch() {
    return this.#place.epoch;
  }

  /** The socket, or null. */
  get ws() {
    return this.#line.link?.socket ?? null;
  }

  /** By which road messages come: `socket`, `polling`, or null where none is open. */
  get transport() {
    if (this.#line.isPolling) return "polling";
    return this.#line.isJoined ? "socket" : null;
  }

  /** Why nobody may connect while the state is `refused`; null otherwise. */
  get refusal() {
    return this.#line.refusal;
  }

  /** `closed`, `catching-up`, `live`, `stale` or `refused`. */
  get state() {
    const line = this.#line;
    if (line.refusal !== null) return "refused";
    if (!line.isWanted) return "closed";
    if (!line.isReached || this.#intake.hasFailed) return line.hasFailed ? "stale" : "catching-up";
    return line.isCatchingUp || this.#intake.owed !== null ? "catching-up" : "live";
  }

  /** @returns {() => void} the end of it */
  on(type, handler) {
    return this.#events.on(type, handler);
  }

  off(type, handler) {
    this.#events.off(type, handler);
  }

  /** Open the line, and keep it open. Also after `refused`, once there is a token again. */
  connect() {
    this.#line.connect();
    this.#tell();
  }

  /** Hang up for good: nothing of it goes on. */
  close() {
    this.#line.close();
    this.#asking.close();
    this.#tell();
  }

  /** Hang up and connect anew, at once. */
  reconnect() {
    this.#line.reconnect();
  }

  /** Have the page read its data afresh; what comes meanwhile is handed on after it. */
  resync(reason = "asked") {
    this.#intake.owed = reason;
    if (this.#line.isJoined) this.#intake.load();
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
    return this.#line.link?.openedAt ? this.#asking.ask("subscribe", filter) : undefined;
  }

  /** @returns {Promise<any>} who is here */
  presence() {
    return this.#asking.ask("presence", {});
  }

  async cancelOptimization(id) {
    const data = { optimization_id: id };
    if (this.#line.link?.openedAt) return this.#asking.ask("cancel_optimization", data);
    const response = await this.#line.request(`optimizations/${encodeURIComponent(id)}/cancel`, "POST");
    if (!response.ok) throw new Error(response.status);
    return response.json();
  }

  getCurrentScheduleDate() {
    return this.#options.scheduleDate?.();
  }

  sendHeartbeat() {
    this.#line.link?.beat({
      current_page: this.#options.page?.() ?? globalThis.location?.pathname,
      active_schedule_date: this.getCurrentScheduleDate() ?? undefined,
      position: this.epoch ? this.position : undefined,
    });
    this.#acknowledge();
  }

  startHeartbeat(interval = this.#options.interval) {
    this.#line.link?.start(interval);
  }

  /** Hands a message's data to its hook: `schedule_update` to `handleScheduleUpdate`, where there is one. */
  handleMessage({ type, data }) {
    if (!HOOKED.includes(type)) return;
    const name = type.replace(/(?:^|_)(.)/g, (_, letter) => letter.toUpperCase());
    this[`handle${name}`]?.(data);
  }

  #welcome(data) {
    const isOther = this.#place.user !== null && this.#place.user !== data.user_id;
    if (isOther) {
      this.#asking.forget();
      this.#place.forget();
    }
    this.#expects = data.recovered === false ? data.reason : "";
    if (data.recovered !== true || isOther) {
      this.#place.startFrom(data, true);
      this.#intake.owed ??= data.reason ?? "opened";
    }
    if (this.#filter) this.subscribe(this.#filter);
    this.startHeartbeat();
    this.#intake.load();
  }

  #hear(frame) {
    if (frame.ref) this.#asking.hear(frame);
    if (frame.type === "resync" && frame.data.reason === this.#expects) this.#expects = "";
    else this.#intake.take(frame);
  }

  #handOn(frame) {
    if (frame.type === "resync") {
      this.#place.startFrom(frame.data);
      return this.#intake.owe(frame.data.reason);
    }
    this.#events.attempt(() => this.handleMessage(frame));
    this.#events.emit(frame.type, frame);
    this.#events.emit("message", frame);
  }

  #placed(frame) {
    this.#events.emit("placed", frame);
    this.#acknowledge();
  }

  /** What the page does at `resync`, or null where nobody listens. */
  #load(reason) {
    const handlers = this.#events.of("resync");
    const load = async (handler) => handler({ reason });
    if (!handlers.length) return null;
    const loading = Promise.all(handlers.map(load));
    loading.catch(this.#options.report);
    return loading;
  }

  #drop() {
    this.#intake.drop();
    this.#asking.drop();
  }

  #acknowledge() {
    const { link, isPolling } = this.#line;
    if (!link?.openedAt && !isPolling) return;
    this.#asking.acknowledge(
      (key) => this.#place.idOf(key),
      (ids) => (link?.openedAt ? this.#asking.ask("ack", { ids }) : this.#post(ids)),
    );
  }

  async #post(ids) {
    const unknown = [];
    for (const id of ids) {
      const { ok, status } = await this.#line.request(`messages/${id}/ack`, "POST");
      if (status === 404) unknown.push(id);
      else if (!ok) throw new Error(status);
    }
    return { unknown };
  }

  /** Says what the state is, whenever it is another. */
  #tell() {
    const { state } = this;
    const line = this.#line;
    if (state === "live") {
      line.hasFailed = false;
      this.staleSince = null;
    } else if (line.hasFailed || line.serverStale || this.#intake.hasFailed) {
      line.hasFailed = true;
      this.staleSince ??= line.serverStale ?? new Date(line.heardAt);
    }
    const now = this.state;
    if (now === this.#said) return;
    this.#said = now;
    this.#events.emit("state", { state: now, staleSince: this.staleSince, refusal: this.refusal });
  }
}

function withDefaults(options) {
  return {
    interval: 2500,
    WebSocket: globalThis.WebSocket,
    target: globalThis.addEventListener ? globalThis : null,
    random: Math.random,
    report: (error) => (globalThis.reportError ?? console.error)(error),
    fetch: (...asked) => globalThis.fetch(...asked),
    storage: ownStorage(),
    clock: {
      now: () => Date.now(),
      setTimeout: (...asked) => setTimeout(...asked),
      clearTimeout: (...asked) => clearTimeout(...asked),
    },
    ...options,
    url: new URL(options.url ?? "/api/ws/", globalThis.location?.href),
  };
}

/** Where a browser forbids it there is none, and asking for it throws. */
function ownStorage() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}

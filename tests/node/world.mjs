/** A clock, sockets, a REST API and a page that a test moves by hand. */

import { SurgerySchedulerWebSocket } from "../../scheduler_realtime/static/scheduler_realtime/index.js";

export class Clock {
  time = Date.parse("2026-01-15T10:42:00Z");
  timers = new Map();
  #number = 0;

  now = () => this.time;

  setTimeout = (call, ms) => {
    this.timers.set(++this.#number, { call, at: this.time + ms });
    return this.#number;
  };

  clearTimeout = (timer) => void this.timers.delete(timer);

  /** Let time pass; timers go off in their turn. */
  async pass(ms) {
    const until = this.time + ms;
    for (;;) {
      await settled();
      const due = [...this.timers].filter(([, { at }]) => at <= until);
      const [next] = due.sort(([, a], [, b]) => a.at - b.at);
      if (!next) break;
      this.timers.delete(next[0]);
      this.time = Math.max(this.time, next[1].at);
      next[1].call();
    }
    this.time = until;
    await settled();
  }

  /** The machine sleeps: time passes, and nothing runs. */
  sleep(ms) {
    this.time += ms;
  }
}

/** What was promised is kept. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export class World {
  clock = new Clock();
  sockets = [];
  requests = [];
  reported = [];
  states = [];
  heard = [];
  target = new EventTarget();
  storage = memory();
  answer = () => new Response("{}", { status: 503 });

  /** @param {object} options of the client */
  client(options = {}, token = () => "a.b.c") {
    const world = this;
    class FakeSocket {
      readyState = 0;
      sent = [];
      constructor(url, protocols) {
        Object.assign(this, { url: new URL(url), protocols });
        world.sockets.push(this);
      }
      send(text) {
        this.sent.push(JSON.parse(text));
      }
      close() {
        this.readyState = 3;
      }
      hear(frame) {
        this.onmessage?.({ data: JSON.stringify(frame) });
      }
      welcome(data = {}) {
        this.readyState = 1;
        const facts = { epoch: "one", position: 100, recovered: null, reason: null, user_id: 1 };
        this.hear({ type: "welcome", data: { ...facts, ...data } });
      }
      end(code) {
        this.readyState = 3;
        this.onclose?.({ code });
      }
    }
    const { clock, target, storage } = this;
    const client = new SurgerySchedulerWebSocket(token, {
      url: "http://board.example/api/ws/", clock, target, storage, WebSocket: FakeSocket,
      random: () => 1, report: (error) => this.reported.push(error),
      fetch: async (url, asked) => {
        this.requests.push({ url: new URL(url), ...asked });
        const aborted = new Promise((_, reject) => {
          asked.signal?.addEventListener("abort", () => reject(asked.signal.reason));
        });
        return Promise.race([this.answer(new URL(url), asked), aborted]);
      },
      ...options,
    });
    client.on("state", ({ state }) => this.states.push(state));
    client.on("message", (frame) => frame.key && this.heard.push(frame.key));
    return client;
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /** A client that is live. */
  async live(options = {}, token) {
    const client = this.client(options, token);
    client.connect();
    await settled();
    this.socket.welcome();
    await settled();
    return client;
  }

  fire(type, facts = {}) {
    this.target.dispatchEvent(Object.assign(new Event(type), facts));
  }
}

export function memory(kept = {}) {
  return {
    kept,
    getItem: (name) => kept[name] ?? null,
    setItem: (name, text) => void (kept[name] = text),
  };
}

export const message = (id, key, more = {}) => ({ type: "schedule_update", id, key, data: {}, ...more });
export const alert = (id, key, more = {}) =>
  message(id, key, { type: "emergency_alert", data: { ack_required: true }, ...more });

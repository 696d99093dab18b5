/** Where a client stands in the log: what it has handed on, and so what it must not hand on again. */

const KEPT = 1000; // keys of messages that may come again

/** Control frames whose position promises that everything up to there has come. */
const PROMISES = ["heartbeat_ack", "caught_up", "line"];

export class Place {
  epoch = "";
  position = 0;
  /** @type {string | number | null} whose position it is */
  user = null;
  /** Messages that may come again, with the position they came at: those awaiting an answer apart, for whom hours may pass. */
  #awaiting = new Map();
  #recent = new Map();
  #storage;
  #name;

  /**
   * @param {Storage | null | undefined} storage
   * @param {string} name the key it is kept under
   */
  constructor(storage, name) {
    this.#storage = storage;
    this.#name = name;
    try {
      const { epoch, position, user } = JSON.parse(storage?.getItem(name) ?? "{}");
      if (epoch && typeof epoch === "string" && Number.isSafeInteger(position) && position >= 0) {
        Object.assign(this, { epoch, position, user: user ?? null });
      }
    } catch {
      // What others wrote there, or a browser that lets nobody write: start as if for the first time.
    }
  }

  /** What a connection has to ask for. A position means nothing without its log. */
  get wish() {
    return this.epoch ? { since: this.position, epoch: this.epoch } : {};
  }

  /**
   * Stand there from now on. In the same log nobody goes back, unless `isAnew`.
   * @param {{epoch: string, position: number, user_id?: any}} fact
   */
  startFrom({ epoch, position, user_id = this.user }, isAnew = false) {
    const isHere = epoch === this.epoch && user_id === this.user && !isAnew;
    this.position = isHere ? Math.max(this.position, position) : position;
    this.epoch = epoch;
    this.user = user_id;
    this.save();
  }

  /** @param {number} position up to which everything has come */
  reach(position) {
    if (position > this.position) {
      this.position = position;
      this.save();
    }
  }

  /**
   * Whether a frame is to be handed on: `new`, `placed` (it came early, and here is its position), `known`.
   * The place moves with it.
   * @param {any} frame
   * @returns {"new" | "placed" | "known"}
   */
  take(frame) {
    const { id, key, type, data } = frame;
    if (PROMISES.includes(type)) this.reach(data?.position ?? 0);
    if (!id && !key) return "new";
    if (id && !frame.redelivered) {
      if (id <= this.position) return "known";
      this.reach(id);
    }
    if (!key) return "new";
    const before = this.#awaiting.get(key) ?? this.#recent.get(key);
    const isAwaited = frame.redelivered || frame.early || data?.ack_required || this.#awaiting.has(key);
    remember(isAwaited ? this.#awaiting : this.#recent, key, id ?? before ?? 0);
    if (before === undefined) return "new";
    return id && !before ? "placed" : "known";
  }

  /** What one user has seen is new to another. */
  forget() {
    this.#awaiting.clear();
    this.#recent.clear();
  }

  /** The position of a message that came early, or undefined while it has none. */
  idOf(key) {
    return this.#awaiting.get(key) || undefined;
  }

  save() {
    const { epoch, position, user } = this;
    try {
      this.#storage?.setItem(this.#name, JSON.stringify({ epoch, position, user }));
    } catch {
      // Full, or forbidden: the position lasts as long as the page.
    }
  }
}

/** @param {Map<string, number>} keys */
function remember(keys, key, id) {
  keys.delete(key);
  keys.set(key, id);
  if (keys.size > KEPT) keys.delete(keys.keys().next().value);
}

/** Who wants to hear of what. A handler that fails stops nobody. */

export class Events {
  /** @type {Map<string, Set<Function>>} */
  #handlers = new Map();
  #report;

  /** @param {(error: unknown) => void} report */
  constructor(report) {
    this.#report = report;
  }

  on(type, handler) {
    if (!this.#handlers.has(type)) this.#handlers.set(type, new Set());
    this.#handlers.get(type).add(handler);
    return () => this.off(type, handler);
  }

  off(type, handler) {
    this.#handlers.get(type)?.delete(handler);
  }

  emit(type, fact) {
    for (const handler of this.of(type)) this.attempt(() => handler(fact));
  }

  of(type) {
    return [...(this.#handlers.get(type) ?? [])];
  }

  /** Call it, and report what it throws, now or later. */
  async attempt(call) {
    try {
      await call();
    } catch (error) {
      this.#report(error);
    }
  }
}

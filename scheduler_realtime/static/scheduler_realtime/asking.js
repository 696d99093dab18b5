/** Questions to the server that await an answer, and acknowledgements that outlive the line. */

const DOWN = "The line is down.";

export class Asking {
  #number = 0;
  /** @type {Map<string, {resolve: (data: any) => void, reject: (error: Error) => void}>} */
  #asked = new Map();
  /** @type {Set<{id: any, key: any, isSent: boolean, resolve: (is: boolean) => void, reject: (error: Error) => void}>} */
  #acks = new Set();
  #send;

  /** @param {(type: string, data: object, ref: string) => boolean} send whether it could be said */
  constructor(send) {
    this.#send = send;
  }

  /** @returns {Promise<any>} the answer's data; rejected by an `error` or the end of the line */
  ask(type, data) {
    const ref = `q${++this.#number}`;
    const { promise, resolve, reject } = deferred();
    if (this.#send(type, data, ref)) this.#asked.set(ref, { resolve, reject });
    else reject(new Error(DOWN));
    return promise;
  }

  /** See whether a frame is an answer. */
  hear({ ref, type, data }) {
    const asked = this.#asked.get(ref);
    if (!asked) return;
    this.#asked.delete(ref);
    if (type === "error") asked.reject(Object.assign(new Error(data.detail), data));
    else asked.resolve(data);
  }

  /** Remember to acknowledge that. A message that came early waits for its position. */
  ack(target) {
    const { id, key } = typeof target === "object" ? target : { id: target };
    const { promise, resolve, reject } = deferred();
    this.#acks.add({ id, key, isSent: false, resolve, reject });
    return promise;
  }

  /**
   * Say what is not said yet, all in one.
   * @param {(key: string) => number | undefined} idOf
   * @param {(ids: number[]) => Promise<{unknown: unknown[]}>} say
   */
  async acknowledge(idOf, say) {
    const ready = [...this.#acks].filter((each) => !each.isSent && (each.id ??= idOf(each.key)));
    if (!ready.length) return;
    for (const each of ready) each.isSent = true;
    try {
      const { unknown } = await say(ready.map(({ id }) => id));
      const strange = new Set(unknown.map(String));
      for (const each of ready) {
        this.#acks.delete(each);
        each.resolve(!strange.has(String(each.id)));
      }
    } catch {
      for (const each of ready) each.isSent = false; // at the next beat, or on the next line
    }
  }

  /** The line is gone, and with it every answer. */
  drop() {
    for (const { reject } of this.#asked.values()) reject(new Error(DOWN));
    this.#asked.clear();
  }

  close() {
    this.drop();
    this.forget();
  }

  /** What was to be acknowledged is not any more: it was another user's, or the client ends. */
  forget() {
    for (const { reject } of this.#acks) reject(new Error("closed"));
    this.#acks.clear();
  }
}

/** A promise whose failure may be ignored. */
function deferred() {
  let resolve, reject;
  const promise = new Promise((...both) => ([resolve, reject] = both));
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** What the charts are drawn from: the samples of the last minutes, by the server's clock. */

/**
 * @typedef {{at: number, connections: number, users: number, published_per_second: number,
 *            delivered_per_second: number, p50: number | null, p95: number | null,
 *            p99: number | null, relay_lag_seconds: number, hub_lag_seconds: number,
 *            roles?: Map<string, number> | null}} Sample
 */

export const WINDOW = 15 * 60_000;

export class Samples {
  /** @type {Sample[]} */
  list = [];
  #ahead = 0; // by how many milliseconds the server's clock is ahead of this one

  /**
   * @param {Record<string, any>[]} history as the server told it with the page
   * @param {string} now the server's time then
   */
  constructor(history, now) {
    this.#ahead = Date.parse(now) - Date.now();
    this.list = history.map(({ by_role, ...row }) => /** @type {Sample} */ ({
      ...row,
      at: Date.parse(row.taken_at),
      roles: by_role && byRole(by_role),
    }));
  }

  /** @param {any} data of a `statistics` frame */
  add(data) {
    const at = Date.parse(data.taken_at);
    this.#ahead = at - Date.now();
    this.list.push({
      at,
      connections: data.connections,
      users: data.users,
      published_per_second: data.rates?.published,
      delivered_per_second: data.rates?.delivered,
      p50: data.latency_ms?.p50 ?? null,
      p95: data.latency_ms?.p95 ?? null,
      p99: data.latency_ms?.p99 ?? null,
      relay_lag_seconds: data.relay_lag_seconds,
      hub_lag_seconds: data.hub_lag_seconds,
      roles: byRole(data.by_role),
    });
    const oldest = this.now - WINDOW - 60_000;
    while (this.list.length && this.list[0].at < oldest) this.list.shift();
  }

  /** The server's time, as well as it is known here. */
  get now() {
    return Date.now() + this.#ahead;
  }
}

/** @param {Record<string, number> | undefined} users */
function byRole(users) {
  return new Map(Object.entries(users ?? {}));
}

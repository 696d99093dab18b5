/** Lines of the charts: what each shows, and in which colour and dashes. */

const ROLES = 8;
const OTHER = ROLES + 1;

/**
 * @typedef {{key: string, label: string, look: number,
 *            value: (sample: import("./samples.js").Sample) => number | null | undefined}} Series
 */

/**
 * The fixed lines of each chart, by the chart's name, as the page's template lists them.
 * @param {HTMLTemplateElement} template
 * @returns {Map<string, Series[]>}
 */
export function fixedSeries(template) {
  /** @type {Map<string, Series[]>} */
  const found = new Map();
  for (const entry of template.content.querySelectorAll("span")) {
    const { chart, key } = entry.dataset;
    const listed = found.get(chart) ?? [];
    const look = chart === "roles" ? 0 : listed.length + 1;
    listed.push({ key, label: entry.textContent, look, value: (sample) => sample[key] });
    found.set(chart, listed);
  }
  return found;
}

/** A line for each role: the eight with the most people, and one for all others. */
export class RoleSeries {
  /** @type {Map<string, number>} a role keeps its look for as long as it is shown */
  #looks = new Map();
  #other;

  /** @param {string} other how the line of all others is called */
  constructor(other) {
    this.#other = other;
  }

  /**
   * @param {import("./samples.js").Sample[]} samples
   * @returns {Series[]}
   */
  of(samples) {
    const most = new Map();
    for (const { roles } of samples) {
      for (const [role, count] of roles ?? []) most.set(role, Math.max(count, most.get(role) ?? 0));
    }
    const ranked = [...most.keys()].sort((a, b) => most.get(b) - most.get(a) || a.localeCompare(b));
    const shown = ranked.slice(0, ROLES);
    this.#assign(shown);
    const lines = shown.map((role) => ({
      key: role,
      label: role,
      look: this.#looks.get(role),
      value: (sample) => sample.roles && (sample.roles.get(role) ?? 0),
    }));
    const rest = ranked.slice(ROLES);
    if (rest.length) lines.push({ ...this.#rest(rest), look: OTHER });
    return lines;
  }

  #rest(rest) {
    const sum = (roles) => rest.reduce((total, role) => total + (roles.get(role) ?? 0), 0);
    return { key: "", label: this.#other, value: ({ roles }) => roles && sum(roles) };
  }

  #assign(shown) {
    for (const role of this.#looks.keys()) if (!shown.includes(role)) this.#looks.delete(role);
    const taken = new Set(this.#looks.values());
    for (const role of shown) {
      if (this.#looks.has(role)) continue;
      let look = 1;
      while (taken.has(look)) look += 1;
      taken.add(look);
      this.#looks.set(role, look);
    }
  }
}

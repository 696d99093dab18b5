/** Optimising the day: the button that starts it, how it goes, and stopping it. */

import { drawn, element } from "./elements.js";
import { LoginRequired } from "./session.js";

const HERE = "/api/optimizations";
const RUNS = "/api/ws/optimizations";
const [WIDTH, HEIGHT] = [320, 64];
const KEPT = 600; // points of a line: two minutes at five a second
const ENDED = new Set(["completed", "failed", "cancelled"]);
const LINES = [
  ["current_score", "current"],
  ["best_score", "best"],
];

/**
 * @typedef {{optimization_id: string, status: string, progress_percentage: number,
 *            current_score: number | null, best_score: number | null,
 *            time_elapsed: number | null, reason: string | null}} Progress
 */

export class Optimizer {
  #section;
  #start;
  #cancel = element("button", "cancel", "Cancel");
  #title = element("b");
  #bar = document.createElement("progress");
  #figures = element("span", "figures");
  #plot = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  #lines = new Map(LINES.map(([, name]) => [name, drawn("polyline", { class: name })]));
  #session;
  #say;
  #mayStart = false;
  #id = "";
  /** @type {Progress[]} */
  #points = [];

  /**
   * @param {{section: HTMLElement, start: HTMLButtonElement}} nodes
   * @param {import("./session.js").Session} session
   * @param {() => string} day the day that is shown
   * @param {(text: string, isRefusal?: boolean) => void} say
   */
  constructor({ section, start }, session, day, say) {
    this.#section = section;
    this.#start = start;
    this.#session = session;
    this.#say = say;
    this.#bar.max = 100;
    this.#cancel.type = "button";
    this.#plot.append(...this.#lines.values());
    const key = element("span", "key");
    key.append(element("i", "current", "current"), element("i", "best", "best"));
    const head = element("div", "head");
    head.append(this.#title, this.#bar, this.#figures, this.#cancel);
    section.append(head, this.#plot, key);
    start.addEventListener("click", () => this.#ask("POST", HERE, { date: day() }));
    this.#cancel.addEventListener("click", () => this.#stop());
  }

  /** Shows the button to who may start one, and what runs already. */
  async load() {
    const { available, may_start: mayStart } = await this.#session.get(HERE);
    this.#mayStart = available && mayStart;
    this.#start.hidden = !this.#mayStart;
    const { results } = await this.#session.get(RUNS);
    const running = results.find((run) => !ENDED.has(run.status));
    if (running) this.hear(running);
    this.#offer(); // a run may have been heard of before it was known what this person may do
  }

  /** Takes in an `optimization_progress`. @param {Progress} run */
  hear(run) {
    if (run.optimization_id !== this.#id) this.#points = [];
    // What was read over REST may be older than what has been heard meanwhile.
    const last = this.#points.at(-1);
    if (last && (ENDED.has(last.status) || isOlder(run, last))) return;
    this.#id = run.optimization_id;
    this.#points.push(run);
    if (this.#points.length > KEPT) this.#points.shift();
    this.#section.hidden = false;
    this.#section.dataset.status = run.status;
    this.#title.textContent = `Optimisation ${run.status}`;
    this.#bar.value = run.progress_percentage ?? 0;
    this.#figures.textContent = figures(run);
    this.#cancel.disabled = false;
    this.#offer();
    this.#draw();
  }

  /** Offers to stop what runs, or else to start something. */
  #offer() {
    const last = this.#points.at(-1);
    const isRunning = Boolean(last) && !ENDED.has(last.status);
    this.#cancel.hidden = !isRunning || !this.#mayStart;
    this.#start.disabled = isRunning;
  }

  #stop() {
    this.#cancel.disabled = true;
    return this.#ask("POST", `${RUNS}/${encodeURIComponent(this.#id)}/cancel`);
  }

  async #ask(method, path, body) {
    try {
      await this.#session.send(method, path, body);
    } catch (error) {
      this.#cancel.disabled = false;
      this.#say(error instanceof LoginRequired ? "Log in again." : error.message, true);
    }
  }

  #draw() {
    const told = this.#points.flatMap((run) => LINES.map(([field]) => run[field]));
    const scores = told.filter((score) => score != null);
    const [least, most] = [Math.min(...scores), Math.max(...scores)];
    const last = this.#points.at(-1);
    const until = Math.max(last.time_elapsed ?? 0, 0.1);
    const at = (run, score) => {
      const x = (WIDTH * (run.time_elapsed ?? 0)) / until;
      const y = most === least ? HEIGHT / 2 : HEIGHT - (HEIGHT * (score - least)) / (most - least);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    };
    for (const [field, name] of LINES) {
      const points = this.#points.filter((run) => run[field] != null);
      const path = points.map((run) => at(run, run[field])).join(" ");
      this.#lines.get(name).setAttribute("points", path);
    }
    this.#plot.setAttribute("aria-label", `Scores over ${until.toFixed(0)} seconds: ${figures(last)}`);
  }
}

/** @param {Progress} run @param {Progress} last */
function isOlder(run, last) {
  return !ENDED.has(run.status) && (run.time_elapsed ?? 0) < (last.time_elapsed ?? 0);
}

/** @param {Progress} run */
function figures(run) {
  const parts = [`${Math.round(run.progress_percentage ?? 0)} %`];
  if (run.time_elapsed != null) parts.push(`${run.time_elapsed.toFixed(1)} s`);
  if (run.current_score != null) parts.push(`score ${number(run.current_score)}`);
  if (run.best_score != null) parts.push(`best ${number(run.best_score)}`);
  if (run.reason) parts.push(run.reason);
  return parts.join(" · ");
}

/** @param {number} score */
function number(score) {
  return score.toLocaleString("en-GB", { maximumFractionDigits: 1 });
}

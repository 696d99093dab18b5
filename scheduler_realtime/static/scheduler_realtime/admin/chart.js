/** A line chart in SVG, with a legend that tells the latest values and a table for who cannot see it. */

import { element, number, clock } from "./figures.js";
import { WINDOW } from "./samples.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 190;
const EDGE = { top: 10, right: 12, bottom: 24, left: 46 };
const GAP = 15_000; // longer without a sample, and the line is broken
const MINUTE = 60_000;
/** What a scale may end with, and how many steps part that into round numbers. */
const STEPS = new Map([[1, 5], [1.5, 3], [2, 4], [3, 3], [4, 4], [5, 5], [6, 3], [8, 4], [10, 5]]);

export class Chart {
  #name;
  #texts;
  #svg;
  #legend;
  #summary;
  #table;
  #details;
  #tabledAt = 0;
  #least;

  /**
   * @param {HTMLElement} figure with its title in it
   * @param {{table: string, none: string, time: string, lowest: string, highest: string,
   *          now: string}} texts
   */
  constructor(figure, texts) {
    this.#texts = texts;
    this.#name = figure.dataset.chart;
    this.#least = Number(figure.dataset.least); // what is small looks small, and people have no halves
    const title = figure.querySelector("h2");
    title.id = `chart-${this.#name}`;
    this.#svg = shape("svg", { role: "img", height: HEIGHT });
    this.#summary = element("p", "visually-hidden");
    this.#summary.id = `chart-${this.#name}-summary`;
    this.#svg.setAttribute("aria-labelledby", title.id);
    this.#svg.setAttribute("aria-describedby", this.#summary.id);
    this.#legend = element("ul", "legend");
    this.#table = element("table");
    this.#details = element("details");
    const wide = element("div", "wide");
    wide.append(this.#table);
    this.#details.append(element("summary", "", texts.table), wide);
    figure.append(this.#legend, this.#svg, this.#summary, this.#details);
    this.#details.addEventListener("toggle", () => (this.#tabledAt = 0));
  }

  /**
   * @param {import("./samples.js").Sample[]} samples in order
   * @param {import("./series.js").Series[]} series
   * @param {number} now the right edge
   */
  draw(samples, series, now) {
    const from = now - WINDOW;
    const seen = samples.filter(({ at }) => at >= from && at <= now + GAP);
    const width = Math.max(240, this.#svg.parentElement.clientWidth);
    const values = seen.flatMap((sample) => series.map(({ value }) => value(sample) ?? 0));
    const { top, steps } = scale(Math.max(this.#least, ...values));
    const x = (at) => EDGE.left + ((at - from) / WINDOW) * (width - EDGE.left - EDGE.right);
    const y = (value) => HEIGHT - EDGE.bottom - (value / top) * (HEIGHT - EDGE.top - EDGE.bottom);
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#svg.setAttribute("width", String(width));
    this.#svg.replaceChildren(
      ...grid(width, top, steps, y),
      ...times(from, now, x),
      ...series.map((line) => path(seen, line, x, y)),
    );
    if (!seen.length) this.#svg.append(label(width / 2, HEIGHT / 2, this.#texts.none, "middle"));
    this.#tell(seen, series);
    if (this.#details.open) this.#tabulate(seen, series, now);
  }

  /** The legend, and in words what the lines show. */
  #tell(samples, series) {
    const latest = samples.at(-1);
    const lines = series.map((line) => {
      const entry = element("li");
      const swatch = shape("svg", { width: 26, height: 10, "aria-hidden": "true" });
      swatch.append(shape("path", { d: "M2 5H24", class: `line look-${line.look}` }));
      const value = latest && line.value(latest);
      entry.append(swatch, element("span", "", line.label), element("b", "", number(value)));
      return entry;
    });
    this.#legend.replaceChildren(...lines);
    this.#summary.textContent = series.map((line) => this.#inWords(samples, line)).join(" ");
  }

  #inWords(samples, line) {
    const values = samples.map(line.value).filter((value) => Number.isFinite(value));
    if (!values.length) return `${line.label}: ${this.#texts.none}.`;
    const { now, lowest, highest } = this.#texts;
    const [least, most] = [Math.min(...values), Math.max(...values)].map(number);
    const latest = number(values.at(-1));
    return `${line.label}: ${now} ${latest}, ${lowest} ${least}, ${highest} ${most}.`;
  }

  /** Row by minute; renewed once a minute, so that who reads it is not disturbed. */
  #tabulate(samples, series, now) {
    const minute = Math.floor(now / MINUTE);
    if (minute === this.#tabledAt) return;
    this.#tabledAt = minute;
    const head = element("tr");
    for (const text of [this.#texts.time, ...series.map((line) => line.label)]) {
      head.append(header(text, "col"));
    }
    const byMinute = new Map(samples.map((sample) => [Math.floor(sample.at / MINUTE), sample]));
    const rows = [...byMinute.values()].reverse().map((sample) => {
      const row = element("tr");
      row.append(header(clock(sample.at), "row"));
      row.append(...series.map((line) => element("td", "", number(line.value(sample)))));
      return row;
    });
    const [top, body] = [element("thead"), element("tbody")];
    top.append(head);
    body.append(...rows);
    this.#table.replaceChildren(top, body);
  }
}

/** A round number that is not below the most, and the steps that part it into round ones. */
function scale(most) {
  const size = 10 ** Math.floor(Math.log10(most));
  const factor = [...STEPS.keys()].find((each) => each * size >= most);
  return { top: factor * size, steps: STEPS.get(factor) };
}

function grid(width, top, steps, y) {
  return Array.from({ length: steps + 1 }, (_, step) => (top * step) / steps).flatMap((value) => [
    shape("path", { d: `M${EDGE.left} ${y(value)}H${width - EDGE.right}`, class: "grid" }),
    label(EDGE.left - 6, y(value) + 4, number(value), "end"),
  ]);
}

function times(from, now, x) {
  const marks = [];
  const every = 5 * MINUTE;
  for (let at = Math.ceil(from / every) * every; at <= now; at += every) {
    marks.push(shape("path", { d: `M${x(at)} ${EDGE.top}V${HEIGHT - EDGE.bottom}`, class: "grid" }));
    marks.push(label(x(at), HEIGHT - 7, clock(at, false), "middle"));
  }
  return marks;
}

/** A line, broken where there was no data; a lone sample is a dot. */
function path(samples, line, x, y) {
  let last = -Infinity;
  let d = "";
  for (const sample of samples) {
    const value = line.value(sample);
    if (!Number.isFinite(value)) continue;
    const place = `${x(sample.at).toFixed(1)} ${y(value).toFixed(1)}`;
    d += sample.at - last > GAP ? `M${place}L${place}` : `L${place}`;
    last = sample.at;
  }
  return shape("path", { d, class: `line look-${line.look}` });
}

function label(x, y, text, anchor) {
  const node = shape("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor });
  node.textContent = text;
  return node;
}

function header(text, scope) {
  const node = element("th", "", text);
  node.scope = scope;
  return node;
}

function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

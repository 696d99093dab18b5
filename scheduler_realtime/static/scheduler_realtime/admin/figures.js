/** Numbers and times as a person reads them, and the elements they stand in. */

const LANGUAGE = document.documentElement.lang || undefined;
const WHOLE = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const FINE = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1 });
const FINER = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 2 });
const SECONDS = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "medium" });
const MINUTES = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "short" });

/** @param {number | null | undefined} value */
export function number(value) {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return WHOLE.format(value);
  return (Math.abs(value) >= 1 ? FINE : FINER).format(value);
}

/** @param {number | null | undefined} value @param {string} unit */
export function quantity(value, unit) {
  return Number.isFinite(value) ? `${number(value)} ${unit}` : "–";
}

/** @param {number | null | undefined} seconds */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  const minutes = Math.floor(seconds / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

/** @param {number} at in Unix milliseconds @param {boolean} withSeconds */
export function clock(at, withSeconds = true) {
  return (withSeconds ? SECONDS : MINUTES).format(new Date(at));
}

/** @param {string} tag @param {string} className @param {string} text */
export function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

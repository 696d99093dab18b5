/** The tiles and the tables of the dashboard: what is now. */

import { element, number, quantity, span } from "./figures.js";

/** @param {any} data of a `statistics` frame */
export function fillTiles(data) {
  const tiles = {
    connections: number(data.connections),
    peak: number(data.peak_connections),
    users: number(data.users),
    pending: number(data.pending_acknowledgements),
    published: number(data.rates?.published),
    delivered: number(data.rates?.delivered),
    p95: quantity(data.latency_ms?.p95, "ms"),
    p50: quantity(data.latency_ms?.p50, "ms"),
    "relay-lag": quantity(data.relay_lag_seconds, "s"),
    "hub-lag": quantity(data.hub_lag_seconds, "s"),
  };
  for (const [name, text] of Object.entries(tiles)) {
    document.getElementById(`tile-${name}`).textContent = text;
  }
}

/** @param {HTMLTableElement} table @param {any} byNode @param {string} none */
export function fillNodes(table, byNode, none) {
  const rows = Object.values(byNode ?? {}).sort((a, b) => a.name.localeCompare(b.name));
  fill(
    table,
    rows.map((node) => [
      node.name,
      number(node.connections),
      number(node.users),
      number(node.rates?.delivered),
      quantity(node.latency_ms?.p95, "ms"),
      quantity(node.hub_lag_seconds, "s"),
      span(node.uptime_seconds),
    ]),
    none,
  );
}

/** @param {HTMLTableElement} table @param {any} byRole @param {string} none */
export function fillRoles(table, byRole, none) {
  const rows = Object.entries(byRole ?? {}).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  fill(table, rows.map(([role, users]) => [role, number(users)]), none);
}

/** Cells are kept where they can be: nobody who reads one loses it. */
function fill(table, rows, none) {
  const body = table.tBodies[0];
  const columns = table.tHead.rows[0].cells.length;
  if (!rows.length) {
    const cell = element("td", "", none);
    cell.colSpan = columns;
    const row = element("tr");
    row.append(cell);
    body.replaceChildren(row);
    return;
  }
  if (body.rows.length !== rows.length || body.rows[0].cells.length !== columns) {
    body.replaceChildren(...rows.map(() => emptyRow(columns)));
  }
  rows.forEach((texts, at) => {
    texts.forEach((text, column) => {
      const cell = body.rows[at].cells[column];
      if (cell.textContent !== text) cell.textContent = text;
    });
  });
}

function emptyRow(columns) {
  const row = element("tr");
  const first = element("th");
  first.scope = "row";
  row.append(first, ...Array.from({ length: columns - 1 }, () => element("td")));
  return row;
}

/** The dashboard: what the server tells of itself goes to tiles, charts and tables, and it says whether it is live. */

import { SurgerySchedulerWebSocket, ticketFrom } from "../index.js";
import { Chart } from "./chart.js";
import { clock } from "./figures.js";
import { Samples } from "./samples.js";
import { RoleSeries, fixedSeries } from "./series.js";
import { fillNodes, fillRoles, fillTiles } from "./tables.js";

const LATE = 7000; // three frames missed
const TICK = 2000;

/** Why there is no line any more, by what the client calls it. */
const ENDS = {
  "not permitted": "forbidden",
  "disconnected by an administrator": "stopped",
  "logged out": "loggedOut",
};

const root = document.getElementById("dashboard");
const texts = JSON.parse(document.getElementById("dashboard-texts").textContent);
const history = JSON.parse(document.getElementById("dashboard-history").textContent);

const samples = new Samples(history, root.dataset.now);
const fixed = fixedSeries(document.getElementById("series"));
const roles = new RoleSeries(texts.other);
const charts = [...root.querySelectorAll("figure[data-chart]")].map((figure) => ({
  name: figure.dataset.chart,
  chart: new Chart(figure, texts),
}));

/** Whether it is live, in words; announced only when that changes. */
const state = {
  shown: "connecting",
  heardAt: 0, // by this computer's clock
  isStale: false,
  wasLost: false,
  /** @type {string | null} */
  end: null,

  get name() {
    if (this.end) return this.end;
    if (!this.heardAt) return this.wasLost ? "never" : "connecting";
    if (Date.now() - this.heardAt > LATE) return "late";
    return this.isStale ? "stale" : "live";
  },

  show() {
    const name = this.name;
    if (name === this.shown) return;
    this.shown = name;
    const line = document.getElementById("state");
    line.dataset.state = name;
    line.textContent = texts[name].replace("{time}", clock(this.heardAt || Date.now()));
  },
};

function draw() {
  const now = samples.now;
  for (const { name, chart } of charts) {
    const lines = fixed.get(name);
    chart.draw(samples.list, name === "roles" ? [...lines, ...roles.of(samples.list)] : lines, now);
  }
}

const csrf = root.querySelector("[name=csrfmiddlewaretoken]").value;
const client = new SurgerySchedulerWebSocket(ticketFrom({ url: root.dataset.ticket, csrf }), {
  url: new URL(".", new URL(root.dataset.socket, location)),
  storage: null, // what was missed is in no message
});

client.on("statistics", ({ data }) => {
  samples.add(data);
  state.heardAt = Date.now();
  state.show();
  fillTiles(data);
  fillNodes(document.getElementById("nodes"), data.by_node, texts.noNodes);
  fillRoles(document.getElementById("roles"), data.by_role, texts.nobody);
  draw();
});

client.on("line", ({ data }) => {
  state.isStale = data.state === "stale";
  state.show();
});

client.on("state", ({ state: now, refusal }) => {
  if (client.transport === null) state.isStale = false; // it was the other line that said so
  if (now === "stale") state.wasLost = true;
  if (now === "refused") state.end = ENDS[refusal] ?? "loggedOut";
  state.show();
});

// The charts move on while nothing comes, so that the gap can be seen.
setInterval(() => {
  state.show();
  draw();
}, TICK);
addEventListener("resize", draw);
draw();
client.subscribe({ types: ["statistics"] });
client.connect();

/** Wires the page together: who is logged in, what the line says, what the board shows. */

import { Arrivals } from "./arrivals.js";
import { Board, ROOM } from "./board.js";
import { Calendar, shifted } from "./calendar.js";
import { Chart } from "./chart.js";
import { Conflicts } from "./conflicts.js";
import { Dragging } from "./drag.js";
import { Line } from "./line.js";
import { Login } from "./login.js";
import { Notices } from "./notices.js";
import { Optimizer } from "./optimizer.js";
import { Presence } from "./presence.js";
import { LoginRequired, RequestFailed, Session } from "./session.js";
import { LineState } from "./state.js";

const $ = (id) => document.getElementById(id);
const HALF_A_MINUTE = 30_000;

const session = new Session();
const calendar = new Calendar(document.body.dataset.timeZone);
const board = new Board(session, calendar);
const chart = new Chart($("chart"), board, calendar);
const conflicts = new Conflicts(
  { section: $("conflicts"), count: $("conflict-count") },
  session,
  board,
  calendar,
  chart,
);
const presence = new Presence($("presence"), () => board.day);
const nameOf = (id) => board.people.get(id) ?? presence.nameOf(id) ?? `user ${id}`;
const arrivals = new Arrivals($("arrivals"), board, calendar, nameOf);
const state = new LineState($("line"), $("stale"), calendar);
const notices = new Notices($("notices"), (id) => line.send("ack", { ids: [id] }));
const optimizer = new Optimizer(
  { section: $("optimization"), start: $("optimize") },
  session,
  () => board.day,
  say,
);
const login = new Login($("login"), session, enter);
/** @type {Line} */
let line;

// Everything that touches the board waits its turn here: an update that arrives while the day
// is being read must be taken in after it.
let turn = Promise.resolve();
function queue(work) {
  turn = turn.then(work).catch((error) => {
    if (error instanceof LoginRequired) leave();
    else if (error instanceof RequestFailed && error.status === 403) {
      line.close();
      state.show("stopped", new Date(), "You may not see this schedule.");
    } else {
      console.error(error);
      line.startOver();
    }
  });
}

function load() {
  queue(async () => {
    await board.load();
    chart.draw();
    await Promise.all([conflicts.load(board.day), optimizer.load()]);
  });
}

/** What came of something the person did. @param {string} text */
function say(text, isRefusal = false) {
  $("said").textContent = text;
  $("said").classList.toggle("refusal", isRefusal);
}

/** Lets those move surgeries who may. */
let isMovable = false;
function learnWhatIsAllowed() {
  queue(async () => {
    const { may } = await session.get("/api/me");
    if (may.change && !isMovable) new Dragging(board, chart, session, say);
    isMovable ||= may.change;
  });
}

function update(frame, isNews = true) {
  queue(async () => {
    if (isNews) arrivals.tell(frame);
    // What still waits to be acknowledged is old, and the board knows what came after it.
    if (!frame.redelivered) await take(frame.data);
  });
}

async function take(data) {
  const changed = await board.apply(data);
  if (data.model === ROOM || data.action === "bulk") chart.draw();
  chart.change(changed);
}

/** @type {number | string | undefined} */
let self;

function welcome({ data }) {
  self = data.user_id;
  if (data.recovered !== true) load();
}

function receipt({ data }) {
  if (data.state !== "acknowledged") return;
  if (data.user_id === self) notices.acknowledged(data.id);
  else notices.acknowledgedBy(data.id, nameOf(data.user_id));
}

function conflict({ data, timestamp }) {
  // After the surgeries it is about, which may still be on their way to the board.
  queue(() => conflicts.hear(data));
  arrivals.note(timestamp, `Conflict ${data.status ?? ""}`, data.description, data.severity);
}

/** Takes in what was told already, and has come once more or in its place. */
function again(frame) {
  notices.again(frame);
  if (frame.type === "schedule_update") update(frame, false);
}

const HANDLERS = new Map([
  ["welcome", welcome],
  ["resync", load],
  ["schedule_update", (frame) => update(frame)],
  ["presence_state", ({ data }) => presence.replace(data.users)],
  ["user_presence", ({ data }) => presence.hear(data)],
  ["emergency_alert", (frame) => notices.emergency(frame)],
  ["system_notification", (frame) => notices.notification(frame)],
  ["receipt_update", receipt],
  ["optimization_progress", ({ data }) => optimizer.hear(data)],
  ["conflict_notification", (frame) => conflict(frame)],
]);

function enter() {
  login.hide();
  $("who").textContent = session.username;
  document.body.classList.add("inside");
  line = new Line(session, {
    frame: (frame) => HANDLERS.get(frame.type)?.(frame),
    again,
    state: (...news) => state.show(...news),
    loginRequired: leave,
    whereabouts: () => ({ current_page: location.pathname, active_schedule_date: board.day }),
  });
  line.open();
  learnWhatIsAllowed();
}

/** A page that is loaded anew remembers nothing of what the last person could see. */
function leave() {
  line?.close();
  session.forget();
  location.reload();
}

/** @param {string} day */
function turnTo(day) {
  if (!day) return;
  board.day = $("day").value = day;
  board.surgeries.clear();
  presence.draw();
  line.beat();
  load();
}

$("day").value = board.day;
$("day").addEventListener("change", ({ target }) => turnTo(target.value));
$("earlier").addEventListener("click", () => turnTo(shifted(board.day, -1)));
$("later").addEventListener("click", () => turnTo(shifted(board.day, 1)));
$("leave").addEventListener("click", leave);
let today = board.day;
setInterval(() => {
  chart.drawNow();
  // A wall screen turns to the new day by itself; whoever looks at another one stays there.
  const isToday = board.day === today;
  today = calendar.today();
  if (isToday && board.day !== today) turnTo(today);
}, HALF_A_MINUTE);
document.body.classList.toggle("wall", new URLSearchParams(location.search).has("wall"));

if (session.isOpen) enter();
else login.show();

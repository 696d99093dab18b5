/** Wires the page together: who is logged in, what the line says, what the board shows. */

import { Arrivals } from "./arrivals.js";
import { Board } from "./board.js";
import { Calendar, shifted } from "./calendar.js";
import { Chart } from "./chart.js";
import { Line } from "./line.js";
import { Login } from "./login.js";
import { Notices } from "./notices.js";
import { Presence } from "./presence.js";
import { LoginRequired, RequestFailed, Session } from "./session.js";
import { LineState } from "./state.js";

const $ = (id) => document.getElementById(id);
const HALF_A_MINUTE = 30_000;

const session = new Session();
const calendar = new Calendar(document.body.dataset.timeZone);
const board = new Board(session, calendar);
const chart = new Chart($("chart"), board, calendar);
const presence = new Presence($("presence"));
const nameOf = (id) => presence.nameOf(id) ?? board.people.get(id) ?? `user ${id}`;
const arrivals = new Arrivals($("arrivals"), board, calendar, nameOf);
const state = new LineState($("line"), calendar);
const notices = new Notices($("notices"), $("progress"), (id) => line.send("ack", { ids: [id] }));
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
  });
}

function update(frame, isNews = true) {
  queue(async () => {
    if (isNews) arrivals.tell(frame);
    // What still waits to be acknowledged is old, and the board knows what came after it.
    if (!frame.redelivered) chart.draw(await board.apply(frame.data));
  });
}

/** @type {number | string | undefined} */
let self;

function welcome({ data }) {
  self = data.user_id;
  if (data.recovered !== true) load();
}

function receipt({ data }) {
  if (data.user_id === self && data.state === "acknowledged") notices.acknowledged(data.id);
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
  ["optimization_progress", (frame) => notices.progress(frame)],
  [
    "conflict_notification",
    ({ data, timestamp }) =>
      arrivals.note(timestamp, `Conflict ${data.status ?? ""}`, data.description, data.severity),
  ],
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
  line.beat();
  load();
}

$("day").value = board.day;
$("day").addEventListener("change", ({ target }) => turnTo(target.value));
$("earlier").addEventListener("click", () => turnTo(shifted(board.day, -1)));
$("later").addEventListener("click", () => turnTo(shifted(board.day, 1)));
$("leave").addEventListener("click", leave);
setInterval(() => chart.drawNow(), HALF_A_MINUTE);

if (session.isOpen) enter();
else login.show();

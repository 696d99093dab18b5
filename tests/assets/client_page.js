/** A page's side of `test_client_in_a_browser.py`: a client whose tokens and facts the test can see. */

import { Presence, SurgerySchedulerWebSocket, ticketFrom } from "/static/scheduler_realtime/index.js";

window.seen = { states: [], titles: [], reasons: [], asked: [], reported: [] };
const { tokens, interval, policy } = window.given;

if (policy) {
  const meta = document.createElement("meta");
  meta.httpEquiv = "Content-Security-Policy";
  meta.content = policy;
  document.head.append(meta);
}

const getToken = ({ reason }) => {
  seen.asked.push(reason);
  return tokens[reason] ?? tokens.connect;
};

window.client = new SurgerySchedulerWebSocket(tokens ? getToken : ticketFrom(), {
  interval,
  random: () => 0.1, // no test waits long for its turn
  report: (error) => seen.reported.push(String(error)),
});
client.on("state", ({ state }) => seen.states.push(state));
client.on("resync", ({ reason }) => void seen.reasons.push(reason));
client.on("system_notification", ({ data }) => seen.titles.push(data.title));
window.presence = new Presence(client);
const status = document.createElement("realtime-status");
status.client = client;
document.body.append(status);
window.statusText = () => status.shadowRoot.querySelector("[role=status]").textContent;
window.statusColour = () => getComputedStyle(status.shadowRoot.querySelector("p")).backgroundColor;
client.connect();

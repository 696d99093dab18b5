/** What a page may import. */

export { SurgerySchedulerWebSocket } from "./client.js";
export { Presence } from "./presence.js";
export { RealtimeStatus } from "./status.js";
export { Refused, ticketFrom } from "./tickets.js";

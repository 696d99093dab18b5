/** What the modules of this folder offer to a program in TypeScript. */

import type {
  EmergencyAlertData,
  ConflictNotificationData,
  OptimizationProgressData,
  PresenceStateData,
  PresenceStateDataPresent,
  SaidSubscribeData,
  ScheduleUpdateData,
  ServerFrame,
  SubscribedData,
  SystemNotificationData,
  UserPresenceData,
} from "./frames";

export type * from "./frames";

export type State = "closed" | "catching-up" | "live" | "stale" | "refused";

export interface StateChange {
  state: State;
  /** Since when what the page shows may be out of date; null while it is live. */
  staleSince: Date | null;
  /** Why nobody may connect, while the state is `refused`. */
  refusal: string | null;
}

/** A message in its place; `early` ones have no `id` yet. */
export type Message<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;

export type Credential = string | { ticket: string; headers?: Record<string, string> };

export interface Asked {
  /** `rejected` after 4401, `expiring` where a token for the open line is wanted. */
  reason: "connect" | "rejected" | "expiring";
}

/** Nothing, or `Refused` thrown, where nobody is logged in. */
export type GetToken = (why: Asked) => Credential | null | undefined | Promise<Credential | null | undefined>;

export interface Clock {
  now(): number;
  setTimeout(call: () => void, ms: number): unknown;
  clearTimeout(timer: any): void;
}

export interface Options {
  /** Where the package's URLs are; `/api/ws/`. */
  url?: string;
  /** Milliseconds between two heartbeats; 2500. Silence of two is the end of a line. */
  interval?: number;
  /** What the heartbeat tells; the page's path. */
  page?: () => string;
  /** What the heartbeat tells, `YYYY-MM-DD`. */
  scheduleDate?: () => string | null | undefined;
  /** Where the position is kept; `sessionStorage`, null for nowhere. */
  storage?: Pick<Storage, "getItem" | "setItem"> | null;
  /** What handlers throw; `reportError`. */
  report?: (error: unknown) => void;
  WebSocket?: new (url: URL, protocols?: string[]) => WebSocket;
  fetch?: typeof fetch;
  clock?: Clock;
  random?: () => number;
  /** What says `online`, `pageshow` and so on; the window. */
  target?: EventTarget | null;
}

/** What `on` takes besides the types of the server's frames. */
export interface OwnEvents {
  state: StateChange;
  /** Read your data; what comes meanwhile waits for the promise that the handler returns. */
  resync: { reason: string };
  /** Any message or control frame. */
  message: ServerFrame;
  /** An alert that came early has its `id` now. */
  placed: Message<"emergency_alert">;
}

export type Events = OwnEvents & {
  [T in Exclude<ServerFrame["type"], keyof OwnEvents>]: Message<T>;
};

export class SurgerySchedulerWebSocket {
  constructor(tokenOrGetToken: string | GetToken, options?: Options);

  readonly state: State;
  readonly staleSince: Date | null;
  readonly refusal: string | null;
  readonly position: number;
  readonly epoch: string;
  readonly transport: "socket" | "polling" | null;
  readonly ws: WebSocket | null;

  connect(): void;
  close(): void;
  reconnect(): void;
  resync(reason?: string): void;
  on<T extends keyof Events>(type: T, handler: (fact: Events[T]) => unknown): () => void;
  off<T extends keyof Events>(type: T, handler: (fact: Events[T]) => unknown): void;

  /** True once the server has it, false where it knows no such message; rejected by `close`. */
  ack(target: number | { id?: number; key?: string }): Promise<boolean>;
  /** The filter in force, or undefined while no socket is open: it is said on the next one. */
  subscribe(filter: SaidSubscribeData): Promise<SubscribedData | undefined>;
  presence(): Promise<PresenceStateData>;
  cancelOptimization(id: string): Promise<unknown>;

  sendHeartbeat(): void;
  startHeartbeat(interval?: number): void;
  getCurrentScheduleDate(): string | null | undefined;

  handleMessage(message: ServerFrame): void;
  handleScheduleUpdate?(data: ScheduleUpdateData): void;
  handleOptimizationProgress?(data: OptimizationProgressData): void;
  handleConflictNotification?(data: ConflictNotificationData): void;
  handleUserPresence?(data: UserPresenceData): void;
  handleEmergencyAlert?(data: EmergencyAlertData): void;
  handleSystemNotification?(data: SystemNotificationData): void;
}

export class Presence extends EventTarget {
  constructor(client: SurgerySchedulerWebSocket);
  readonly users: PresenceStateDataPresent[];
  get(id: string | number): PresenceStateDataPresent | undefined;
  close(): void;
}

export class RealtimeStatus extends HTMLElement {
  client: SurgerySchedulerWebSocket | undefined;
}

export class Refused extends Error {}

export function ticketFrom(options?: {
  url?: string;
  csrf?: string | (() => string);
  token?: string | ((why: { reason?: string }) => string | Promise<string>);
  fetch?: typeof fetch;
}): GetToken;

declare global {
  interface HTMLElementTagNameMap {
    "realtime-status": RealtimeStatus;
  }
}

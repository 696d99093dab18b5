/** The line: kept up, given up when it is dead, and never called live when it is not. */

import assert from "node:assert/strict";
import test from "node:test";

import { Refused, ticketFrom } from "../../scheduler_realtime/static/scheduler_realtime/index.js";
import { World, message, settled } from "./world.mjs";

const beats = (socket) => socket.sent.filter(({ type }) => type === "heartbeat");
const answerBeats = (socket, position = 100) => {
  const send = socket.send.bind(socket);
  socket.send = (text) => {
    send(text);
    const { type, ref } = JSON.parse(text);
    if (type === "heartbeat") queueMicrotask(() => socket.hear({ type: "heartbeat_ack", ref, data: { position } }));
  };
};

test("each try is later, up to 30 s, and it never gives up", async () => {
  const world = new World();
  world.client({ fetch: () => new Promise(() => {}) }).connect();
  const waits = [];
  for (let n = 0; n < 12; n++) {
    await settled();
    const before = [world.sockets.length, world.clock.time];
    world.socket.end(1006);
    while (world.sockets.length === before[0]) await world.clock.pass(100);
    waits.push(world.clock.time - before[1]);
  }
  assert.deepEqual(waits.slice(0, 8), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.equal(waits.at(-1), 30_000);
});

test("a try may come at any moment before its latest", async () => {
  const world = new World();
  await world.live({ random: () => 0.01 });
  world.socket.end(1006);
  await world.clock.pass(5);
  assert.equal(world.sockets.length, 2);
});

for (const code of [4412, 4413, 4429, 4513]) {
  test(`after ${code} it waits longer, however long it had lived`, async () => {
    const world = new World();
    await world.live({ interval: 60_000 });
    await world.clock.pass(60_000);
    for (const [pause, count] of [[2000, 1], [4000, 2]]) {
      world.socket.end(code);
      await world.clock.pass(pause - 1);
      assert.equal(world.sockets.length, count);
      await world.clock.pass(1);
      assert.equal(world.sockets.length, count + 1);
      world.socket.welcome({ recovered: true });
      await world.clock.pass(60_000);
    }
  });
}

for (const code of [4403, 4409]) {
  test(`after ${code} it stops, until it is told to connect`, async () => {
    const world = new World();
    const client = await world.live();
    world.socket.end(code);
    world.fire("online");
    await world.clock.pass(100_000);
    assert.deepEqual([client.state, world.sockets.length, world.clock.timers.size], ["refused", 1, 0]);
    client.connect();
    await settled();
    assert.equal(world.sockets.length, 2);
  });
}

test("after 4401 a new token is asked for", async () => {
  const world = new World();
  const asked = [];
  await world.live({}, ({ reason }) => `token${asked.push(reason)}`);
  world.socket.end(4401);
  await world.clock.pass(500);
  assert.deepEqual(asked, ["connect", "rejected"]);
  assert.deepEqual(world.socket.protocols, ["scheduler.v1", "bearer.token2"]);
});

test("a text that was rejected is not tried again", async () => {
  const world = new World();
  const client = await world.live({}, "a.b.c");
  world.socket.end(4401);
  assert.deepEqual([client.state, client.refusal], ["refused", "token rejected"]);
});

test("it is refused where whoever gives the tokens says so, and tries on where that only fails", async () => {
  const world = new World();
  let error = new Error("network");
  const client = world.client({}, async () => {
    throw error;
  });
  client.connect();
  await world.clock.pass(3000);
  assert.equal(client.state, "stale");
  error = new Refused("logged out");
  await world.clock.pass(30_000);
  assert.deepEqual([client.state, client.refusal, world.sockets.length], ["refused", "logged out", 0]);
});

test("a token that nobody gives is waited for so long and no longer", async () => {
  const world = new World();
  let asked = 0;
  world.client({}, () => (++asked, new Promise(() => {}))).connect();
  await world.clock.pass(10_500);
  assert.equal(asked, 2);
});

test("a ticket goes into the query, a token into the subprotocol", async () => {
  const world = new World();
  const fetch = async (url, { headers }) => {
    assert.equal(headers["X-CSRFToken"], "c");
    return new Response('{"ticket": "t1"}', { status: 201 });
  };
  world.client({}, ticketFrom({ csrf: "c", fetch })).connect();
  await world.clock.pass(0);
  assert.equal(world.socket.url.searchParams.get("ticket"), "t1");
  assert.deepEqual(world.socket.protocols, ["scheduler.v1"]);
});

test("a token that is about to end is replaced on the open line", async () => {
  const world = new World();
  await world.live({}, ({ reason }) => `for.${reason}`);
  world.socket.hear({ type: "token_expiring", data: {} });
  await settled();
  assert.deepEqual(world.socket.sent.at(-1).data, { token: "for.expiring" });
});

test("the heartbeat tells the page, the date and the position", async () => {
  const world = new World();
  const client = await world.live({ page: () => "/board", scheduleDate: () => "2026-01-15" });
  world.socket.hear(message(107, "a"));
  client.sendHeartbeat();
  const { data } = beats(world.socket).at(-1);
  assert.deepEqual(data, { current_page: "/board", active_schedule_date: "2026-01-15", position: 107 });
});

test("a silent line is dead after two beats, and stale since it was last heard", async () => {
  const world = new World();
  const client = await world.live();
  const heard = world.clock.time;
  await world.clock.pass(4999);
  assert.equal(client.state, "live");
  await world.clock.pass(1);
  assert.deepEqual([client.state, client.staleSince.getTime()], ["stale", heard]);
  await world.clock.pass(500);
  assert.equal(world.sockets.length, 2);
});

test("a line that answers is kept for hours", async () => {
  const world = new World();
  const client = await world.live();
  answerBeats(world.socket);
  await world.clock.pass(3_600_000);
  assert.deepEqual([client.state, world.sockets.length, world.states], ["live", 1, ["catching-up", "live"]]);
});

test("a machine that slept is not called live before the server has answered", async () => {
  const world = new World();
  const client = await world.live();
  const heard = world.clock.time;
  world.clock.sleep(600_000);
  world.fire("visibilitychange");
  assert.deepEqual([client.state, client.staleSince.getTime()], ["stale", heard]);
  world.socket.hear(message(101, "from before"));
  assert.equal(client.state, "stale");
  world.socket.hear({ type: "heartbeat_ack", ref: beats(world.socket).at(-1).ref, data: { position: 101 } });
  assert.deepEqual([client.state, client.staleSince], ["live", null]);
});

test("a machine that slept finds its line dead within one beat, without any event", async () => {
  const world = new World();
  const client = await world.live();
  world.clock.sleep(600_000);
  await world.clock.pass(0);
  assert.equal(client.state, "stale");
  await world.clock.pass(2500 + 500);
  assert.equal(world.sockets.length, 2);
});

test("a machine that slept keeps a line that answers", async () => {
  const world = new World();
  const client = await world.live();
  answerBeats(world.socket);
  world.clock.sleep(60_000);
  await world.clock.pass(5000);
  assert.deepEqual([client.state, world.sockets.length], ["live", 1]);
});

test("a frame that waited while the machine slept keeps its line", async () => {
  const world = new World();
  await world.live();
  world.clock.sleep(60_000);
  world.clock.setTimeout(() => world.socket.hear({ type: "heartbeat_ack", data: { position: 100 } }), 10);
  await world.clock.pass(1000);
  assert.equal(world.sockets.length, 1);
});

test("an answer from before the sleep is none", async () => {
  const world = new World();
  const client = await world.live();
  const { ref } = beats(world.socket).at(-1);
  world.clock.sleep(60_000);
  world.fire("online");
  world.socket.hear({ type: "heartbeat_ack", ref, data: { position: 100 } });
  assert.equal(client.state, "stale");
});

test("a clock that is set back keeps no dead line alive", async () => {
  const world = new World();
  await world.live();
  world.clock.time -= 3_600_000;
  for (const timer of world.clock.timers.values()) timer.at -= 3_600_000;
  await world.clock.pass(5000 + 2500 + 500);
  assert.equal(world.sockets.length, 2);
});

for (const type of ["online", "visibilitychange", "resume"]) {
  test(`${type} ends the waiting`, async () => {
    const world = new World();
    await world.live();
    world.socket.end(1006);
    world.fire(type);
    await settled();
    assert.equal(world.sockets.length, 2);
  });
}

test("a page in the browser's cache has no socket, and has one when it is back", async () => {
  const world = new World();
  const client = await world.live();
  world.fire("pagehide");
  assert.equal(client.ws, null);
  world.fire("pageshow", { persisted: true });
  await settled();
  assert.equal(world.sockets.length, 2);
});

test("a server that cannot read its log is not live, though it answers", async () => {
  const world = new World();
  const client = await world.live();
  const since = "2026-01-15T10:41:30.000Z";
  world.socket.hear({ type: "line", data: { state: "stale", since, position: 100 } });
  assert.deepEqual([client.state, client.staleSince.toISOString()], ["stale", since]);
  world.socket.hear({ type: "line", data: { state: "live", since, position: 100 } });
  assert.equal(client.state, "live");
});

test("a socket that opens and says nothing is given up", async () => {
  const world = new World();
  world.client().connect();
  await settled();
  world.socket.readyState = 1;
  await world.clock.pass(10_500);
  assert.equal(world.sockets.length, 2);
});

test("a filter is said on every line", async () => {
  const world = new World();
  const client = await world.live();
  const answer = client.subscribe({ rooms: [3] });
  const { ref } = world.socket.sent.at(-1);
  world.socket.hear({ type: "subscribed", ref, data: { rooms: [3] } });
  assert.deepEqual(await answer, { rooms: [3] });
  world.socket.end(1006);
  await world.clock.pass(500);
  world.socket.welcome({ recovered: true });
  assert.deepEqual(world.socket.sent[0].data, { rooms: [3] });
});

test("a question fails with what the server says, or with the line", async () => {
  const world = new World();
  const client = await world.live();
  const refused = client.cancelOptimization("run");
  const { ref } = world.socket.sent.at(-1);
  world.socket.hear({ type: "error", ref, data: { code: "not_permitted", detail: "You may not." } });
  await assert.rejects(refused, { code: "not_permitted", message: "You may not." });
  const lost = client.presence();
  world.socket.end(1006);
  await assert.rejects(lost, /down/);
});

test("nothing goes on after close", async () => {
  const world = new World();
  const client = await world.live();
  world.socket.end(1006);
  client.close();
  assert.deepEqual([client.state, world.clock.timers.size], ["closed", 0]);
  world.fire("online");
  world.fire("pageshow", { persisted: true });
  await world.clock.pass(60_000);
  assert.equal(world.sockets.length, 1);
});

test("a ticket is asked for with a new token where the old one is no good", async () => {
  const asked = [];
  const getToken = ticketFrom({
    token: ({ reason }) => `for.${reason}`,
    fetch: async (url, { headers }) => {
      asked.push(headers.Authorization);
      return new Response('{"ticket": "t"}', { status: asked.length > 1 ? 201 : 401 });
    },
  });
  const { ticket } = await getToken({ reason: "connect" });
  assert.deepEqual([ticket, asked], ["t", ["Bearer for.connect", "Bearer for.rejected"]]);
});

for (const [status, why] of [[401, "logged out"], [403, "not permitted"]]) {
  test(`a door for tickets that answers ${status} refuses`, async () => {
    const getToken = ticketFrom({ csrf: "c", fetch: async () => new Response("", { status }) });
    await assert.rejects(getToken({ reason: "connect" }), { name: "Refused", message: why });
  });
}

test("a close while the token is asked for opens no socket", async () => {
  const world = new World();
  const client = world.client();
  client.connect();
  client.close();
  await world.clock.pass(60_000);
  assert.deepEqual([world.sockets.length, world.clock.timers.size], [0, 0]);
});

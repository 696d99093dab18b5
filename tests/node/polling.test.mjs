/** Where no socket opens the log is read over HTTP, until one does. */

import assert from "node:assert/strict";
import test from "node:test";

import { Presence } from "../../scheduler_realtime/static/scheduler_realtime/index.js";
import { World, message, settled } from "./world.mjs";

const page = (facts) => {
  const whole = { epoch: "one", head: 100, position: 100, has_more: false, reason: null, results: [], ...facts };
  return new Response(JSON.stringify(whole));
};

/** A client whose three sockets could not be opened. */
async function without(world, answer, token) {
  world.answer = answer;
  const client = world.client({}, token);
  client.connect();
  for (const pause of [500, 1000, 0]) {
    await settled();
    world.socket.end(1006);
    await world.clock.pass(pause);
  }
  return client;
}

test("after three sockets that could not be opened the log is read, with the same token", async () => {
  const world = new World();
  let next = [page({ head: 90 }), page({ results: [message(91, "a"), message(95, "b")] })];
  const client = await without(world, () => next.shift() ?? new Promise(() => {}));
  assert.equal(world.requests[0].headers.Authorization, "Bearer a.b.c");
  await world.clock.pass(500);
  const asked = Object.fromEntries(world.requests[1].url.searchParams);
  assert.deepEqual(asked, { after: "90", epoch: "one", wait: "2", limit: "100" });
  assert.deepEqual([world.heard, client.position], [["a", "b"], 100]);
  assert.deepEqual([client.state, client.transport], ["live", "polling"]);
});

test("two sockets that could not be opened are no reason", async () => {
  const world = new World();
  world.client().connect();
  await settled();
  world.socket.end(1006);
  await world.clock.pass(500);
  world.socket.end(1006);
  await world.clock.pass(999);
  assert.equal(world.requests.length, 0);
});

test("a socket that opens at last takes over, and nothing comes twice", async () => {
  const world = new World();
  const pages = [page({ head: 90 }), page({ results: [message(95, "a")] })];
  const client = await without(world, () => pages.shift() ?? new Promise(() => {}));
  await world.clock.pass(500);
  await world.clock.pass(1500);
  assert.equal(world.socket.url.searchParams.get("since"), "100");
  world.socket.welcome({ recovered: true, position: 101 });
  world.socket.hear(message(95, "a"));
  world.socket.hear(message(101, "b"));
  world.socket.hear({ type: "caught_up", data: { position: 101 } });
  const before = world.requests.length;
  assert.equal(world.requests.at(-1).signal.aborted, true);
  await world.clock.pass(2000);
  assert.deepEqual([world.heard, client.transport, client.state], [["a", "b"], "socket", "live"]);
  assert.equal(world.requests.length, before);
});

test("a page that does not come in time makes it stale since the last one", async () => {
  const world = new World();
  const pages = [page({}), page({})];
  const client = await without(world, () => pages.shift() ?? new Promise(() => {}));
  await world.clock.pass(500);
  const read = world.clock.time;
  await world.clock.pass(500 + 4499);
  assert.equal(client.state, "live");
  await world.clock.pass(1);
  assert.deepEqual([client.state, client.staleSince.getTime()], ["stale", read]);
});

test("it waits as long as the server says", async () => {
  const world = new World();
  const busy = new Response("{}", { status: 429, headers: { "Retry-After": "9" } });
  const answers = [busy, page({})];
  await without(world, () => answers.shift() ?? new Promise(() => {}));
  await world.clock.pass(8999);
  assert.equal(world.requests.length, 1);
  await world.clock.pass(1);
  assert.equal(world.requests.length, 2);
});

test("a log that was trimmed or replaced has the page read its data", async () => {
  const world = new World();
  const pages = [page({}), page({ reason: "epoch_changed", epoch: "two", head: 7, position: 7 })];
  const reasons = [];
  world.answer = () => pages.shift() ?? new Promise(() => {});
  const client = world.client();
  client.on("resync", ({ reason }) => void reasons.push(reason));
  client.connect();
  for (const pause of [500, 1000, 0]) {
    await settled();
    world.socket.end(1006);
    await world.clock.pass(pause);
  }
  await world.clock.pass(500);
  assert.deepEqual([reasons, client.epoch, client.position], [["opened", "epoch_changed"], "two", 7]);
});

test("a token that ran out meanwhile is replaced", async () => {
  const world = new World();
  const answers = [new Response("{}", { status: 401 }), page({})];
  const token = ({ reason }) => `for.${reason}`;
  const client = await without(world, () => answers.shift() ?? new Promise(() => {}), token);
  await world.clock.pass(1000);
  const shown = world.requests.map(({ headers }) => headers.Authorization);
  assert.deepEqual([shown, client.state], [["Bearer for.connect", "Bearer for.rejected"], "live"]);
});

test("an acknowledgement and a cancellation go over HTTP too", async () => {
  const world = new World();
  const pages = [page({})];
  const client = await without(world, (url, { method }) => {
    if (method === "POST") return new Response("{}", { status: url.pathname.includes("/8/") ? 404 : 200 });
    return pages.shift() ?? new Promise(() => {});
  });
  assert.deepEqual(await Promise.all([client.ack(7), client.ack(8)]), [true, false]);
  await client.cancelOptimization("a/b");
  assert.equal(world.requests.at(-1).url.pathname, "/api/ws/optimizations/a%2Fb/cancel");
});

test("nothing is read after close", async () => {
  const world = new World();
  const client = await without(world, () => page({}));
  client.close();
  const before = world.requests.length;
  await world.clock.pass(60_000);
  assert.deepEqual([world.requests.length, world.clock.timers.size], [before, 0]);
});

test("who is here is asked for on each line and follows what changes", async () => {
  const world = new World();
  const client = await world.live();
  const presence = new Presence(client);
  const changes = [];
  presence.addEventListener("change", ({ detail }) => changes.push(detail.action));
  const users = [{ user_id: 2, username: "nurse", role: "nurse" }, { user_id: 1, username: "admin" }];
  world.socket.hear({ type: "presence_state", data: { users } });
  world.socket.hear({ type: "user_presence", data: { user_id: 2, action: "update", username: "nurse", current_page: "/x" } });
  world.socket.hear({ type: "user_presence", data: { user_id: 1, action: "leave", username: "admin" } });
  assert.deepEqual(presence.users, [{ user_id: 2, username: "nurse", role: "nurse", current_page: "/x" }]);
  assert.deepEqual(changes, ["state", "update", "leave"]);
  world.socket.end(1006);
  await world.clock.pass(500);
  world.socket.welcome({ recovered: true });
  assert.ok(world.socket.sent.some(({ type }) => type === "presence"));
});

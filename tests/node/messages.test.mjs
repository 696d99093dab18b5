/** Each message once, in order, and none before the page has its data. */

import assert from "node:assert/strict";
import test from "node:test";

import { World, alert, memory, message, settled } from "./world.mjs";

const since = (socket) => Object.fromEntries(socket.url.searchParams);

test("what lies at or before the position is dropped", async () => {
  const world = new World();
  await world.live();
  for (const [id, key] of [[100, "old"], [101, "a"], [103, "b"], [102, "late"], [103, "twice"]]) {
    world.socket.hear(message(id, key));
  }
  assert.deepEqual(world.heard, ["a", "b"]);
});

test("a new line resumes from the last message and its log", async () => {
  const world = new World();
  const client = await world.live();
  world.socket.hear(message(104, "a"));
  world.socket.end(4512);
  await world.clock.pass(500);
  assert.deepEqual(since(world.socket), { since: "104", epoch: "one" });
  assert.equal(client.state, "stale");
});

test("a promise moves the position forward only", async () => {
  const world = new World();
  const client = await world.live();
  world.socket.hear({ type: "heartbeat_ack", data: { position: 110 } });
  world.socket.hear({ type: "caught_up", data: { position: 90 } });
  world.socket.hear({ type: "line", data: { state: "live", position: 108 } });
  assert.equal(client.position, 110);
});

test("the position of a welcome that resumes is no place to resume from", async () => {
  const world = new World();
  const client = await world.live();
  world.socket.end(1006);
  await world.clock.pass(500);
  world.socket.welcome({ position: 200, recovered: true });
  assert.equal(client.position, 100);
  assert.equal(client.state, "catching-up");
  world.socket.hear(message(150, "missed"));
  world.socket.hear({ type: "caught_up", data: { position: 200 } });
  assert.deepEqual([world.heard, client.position, client.state], [["missed"], 200, "live"]);
});

test("what is sent again is handed on once, however much came since, and moves no position", async () => {
  const world = new World();
  const client = await world.live();
  world.socket.hear(alert(101, "alert"));
  for (let id = 102; id < 3000; id++) world.socket.hear(message(id, `k${id}`));
  world.socket.hear(alert(101, "alert", { redelivered: true }));
  world.socket.hear(alert(7, "older", { redelivered: true }));
  world.socket.hear(alert(7, "older", { redelivered: true }));
  assert.equal(world.heard.filter((key) => key === "alert").length, 1);
  assert.equal(world.heard.filter((key) => key === "older").length, 1);
  assert.equal(client.position, 2999);
});

test("an alert that came early is handed on once, placed later, and acknowledged then", async () => {
  const world = new World();
  const client = await world.live();
  const placed = [];
  client.on("placed", ({ id, key }) => placed.push([id, key]));
  world.socket.hear(alert(undefined, "alert", { early: true }));
  const answer = client.ack({ key: "alert" });
  assert.equal(world.socket.sent.some(({ type }) => type === "ack"), false);
  world.socket.hear(message(101, "before"));
  world.socket.hear(alert(102, "alert"));
  const { ref, data } = world.socket.sent.find(({ type }) => type === "ack");
  assert.deepEqual([world.heard, placed, data], [["alert", "before"], [[102, "alert"]], { ids: [102] }]);
  world.socket.hear({ type: "ack_result", ref, data: { acknowledged: [102], unknown: [] } });
  assert.equal(await answer, true);
});

test("an acknowledgement outlives the line it was said on", async () => {
  const world = new World();
  const client = await world.live();
  world.socket.hear(alert(101, "alert"));
  const answer = client.ack(101);
  world.socket.end(1006);
  await world.clock.pass(500);
  world.socket.welcome({ recovered: true });
  const { ref } = world.socket.sent.find(({ type }) => type === "ack");
  world.socket.hear({ type: "ack_result", ref, data: { acknowledged: [], unknown: [101] } });
  assert.equal(await answer, false);
});

test("an acknowledgement that nobody will say any more fails", async () => {
  const world = new World();
  const client = await world.live();
  const answer = client.ack(101);
  client.close();
  await assert.rejects(answer, /closed/);
});

test("messages wait for the page's data, alerts do not, and it is not live before", async () => {
  const world = new World();
  const client = world.client();
  let done;
  const reasons = [];
  client.on("resync", ({ reason }) => (reasons.push(reason), new Promise((resolve) => (done = resolve))));
  client.connect();
  await settled();
  world.socket.welcome();
  world.socket.hear(message(101, "a"));
  world.socket.hear(alert(102, "alert"));
  assert.deepEqual([world.heard, client.state, client.position], [["alert"], "catching-up", 100]);
  done();
  await settled();
  assert.deepEqual([world.heard, client.state, client.position], [["alert", "a"], "live", 102]);
  assert.deepEqual(reasons, ["opened"]);
});

test("a page that cannot read its data is stale, and reads again until it can", async () => {
  const world = new World();
  const client = world.client();
  let tries = 0;
  client.on("resync", async () => {
    if (++tries < 3) throw new Error("503");
  });
  client.connect();
  await settled();
  world.socket.welcome();
  await settled();
  assert.equal(client.state, "stale");
  for (let n = 0; n < 3; n++) {
    world.socket.hear({ type: "heartbeat_ack", data: { position: 100 } });
    await world.clock.pass(1000);
  }
  assert.deepEqual([tries, client.state, world.reported.length], [3, "live", 2]);
});

test("a page that was still reading when the line broke reads again", async () => {
  const world = new World();
  const client = world.client();
  let tries = 0;
  client.on("resync", () => (++tries === 1 ? new Promise(() => {}) : undefined));
  client.connect();
  await settled();
  world.socket.welcome();
  world.socket.hear(message(101, "held"));
  world.socket.end(1006);
  await world.clock.pass(500);
  assert.equal(since(world.socket).since, "100");
  world.socket.welcome({ recovered: true });
  world.socket.hear(message(101, "held"));
  world.socket.hear({ type: "caught_up", data: { position: 101 } });
  await settled();
  assert.deepEqual([tries, world.heard, client.state], [2, ["held"], "live"]);
});

test("an old reading that ends at last does not stand for the new one", async () => {
  const world = new World();
  const client = world.client();
  const ends = [];
  client.on("resync", () => new Promise((end) => ends.push(end)));
  client.connect();
  await settled();
  world.socket.welcome();
  world.socket.end(1006);
  await world.clock.pass(500);
  world.socket.welcome();
  ends[0]();
  await settled();
  assert.equal(client.state, "catching-up");
  ends[1]();
  await settled();
  assert.equal(client.state, "live");
});

test("a gap has the page read its data once, and the log's own position counts", async () => {
  const world = new World();
  const client = await world.live();
  const reasons = [];
  client.on("resync", ({ reason }) => void reasons.push(reason));
  world.socket.end(1006);
  await world.clock.pass(500);
  world.socket.welcome({ recovered: false, reason: "epoch_changed", epoch: "two", position: 5 });
  world.socket.hear({ type: "resync", data: { reason: "epoch_changed", epoch: "two", position: 5 } });
  await settled();
  world.socket.hear(message(6, "first"));
  assert.deepEqual([reasons, world.heard, client.epoch, client.position], [["epoch_changed"], ["first"], "two", 6]);
});

test("a resync on a live line has the page read its data", async () => {
  const world = new World();
  const client = await world.live();
  const reasons = [];
  client.on("resync", ({ reason }) => void reasons.push(reason));
  world.socket.hear({ type: "resync", data: { reason: "capture_failed", epoch: "one", position: 130 } });
  await settled();
  assert.deepEqual([reasons, client.position, client.state], [["capture_failed"], 130, "live"]);
});

test("the position outlives the page, for the same user only", async () => {
  const world = new World();
  await world.live();
  world.socket.hear(message(120, "a"));
  const again = world.client();
  again.connect();
  await settled();
  assert.deepEqual(since(world.socket), { since: "120", epoch: "one" });
  world.socket.welcome({ user_id: 2, recovered: true, position: 130 });
  assert.equal(again.position, 130);
});

for (const kept of ["{", "null", '{"epoch": 3}', '{"epoch": "x", "position": -1}', "[]"]) {
  test(`a stored ${kept} is as good as none`, async () => {
    const world = new World();
    world.storage = memory({ "scheduler_realtime http://board.example/api/ws/ ": kept });
    world.client().connect();
    await settled();
    assert.deepEqual(since(world.socket), {});
  });
}

test("a storage that throws stops nobody", async () => {
  const world = new World();
  const fail = () => {
    throw new Error("QuotaExceededError");
  };
  world.storage = { getItem: fail, setItem: fail };
  const client = await world.live();
  assert.equal(client.state, "live");
});

test("what handlers and hooks throw is reported, and stops nobody", async () => {
  const world = new World();
  const client = await world.live();
  const hooked = [];
  client.handleScheduleUpdate = (data) => {
    hooked.push(data);
    throw new Error("hook");
  };
  client.on("schedule_update", () => {
    throw new Error("handler");
  });
  world.socket.hear(message(101, "a", { data: { surgery_id: 7 } }));
  world.socket.hear(message(102, "b"));
  await settled();
  assert.deepEqual([world.heard, hooked[0], world.reported.length], [["a", "b"], { surgery_id: 7 }, 4]);
});

test("another user on the same page hears anew, and acknowledges nothing for the one before", async () => {
  const world = new World();
  const client = await world.live();
  world.socket.hear(alert(101, "alert"));
  world.socket.end(1006);
  const acknowledged = assert.rejects(client.ack({ id: 101, key: "alert" }));
  await world.clock.pass(500);
  world.socket.welcome({ user_id: 2, position: 101, recovered: true });
  await settled();
  world.socket.hear(alert(101, "alert", { redelivered: true }));
  assert.deepEqual(world.heard, ["alert", "alert"]);
  assert.deepEqual(world.socket.sent.filter(({ type }) => type === "ack"), []);
  await acknowledged;
});

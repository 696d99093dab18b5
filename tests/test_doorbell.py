"""The doorbell: what goes out to the channel layer, and that nobody ever waits for it."""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from pytest_django import Settings

from scheduler_realtime import doorbell
from scheduler_realtime.doorbell import LOG_GROUP, PRESENCE_GROUP
from tests.harness import fake_hub, lifeline
from tests.harness.app_server import project_environment
from tests.harness.child import wait_for
from tests.harness.console import Console
from tests.harness.fake_layer import FakeLayer
from tests.harness.opening import Seeded
from tests.harness.redis_server import RedisServer


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> FakeLayer:
    """The channel layer, whoever asks for it."""
    layer = FakeLayer()
    monkeypatch.setattr(
        "scheduler_realtime.doorbell.courier.get_channel_layer", lambda alias: layer
    )
    monkeypatch.setattr(
        "scheduler_realtime.doorbell.ringing.get_channel_layer", lambda alias: layer
    )
    return layer


def test_a_process_without_a_hub_rings_from_a_thread_of_its_own(layer: FakeLayer) -> None:
    doorbell.wake()
    layer.wait_for(1)
    doorbell.ring(5)
    layer.wait_for(2)

    assert layer.sent == [(LOG_GROUP, None), (LOG_GROUP, 5)]
    assert "realtime-doorbell" in {thread.name for thread in threading.enumerate()}


def test_a_frame_goes_to_each_of_its_groups_under_one_token(layer: FakeLayer) -> None:
    messages: list[dict[str, Any]] = []
    with fake_hub.attached() as hub:
        doorbell.carry({"type": "a"}, {"user.7", "role.nurse"})
        messages += hub.heard

    assert hub.carried == ["role.nurse", "user.7"]
    assert len(messages) == 1
    assert messages[0]["groups"] == ["role.nurse", "user.7"]
    assert len(messages[0]["token"]) == 32


def test_many_people_are_told_of_in_several_messages(layer: FakeLayer) -> None:
    here = [{"user_id": number} for number in range(450)]
    with fake_hub.attached() as hub:
        doorbell.tell(here, [(7, "visit")])
        doorbell.tell([], [])

    assert hub.carried == [PRESENCE_GROUP] * 3
    assert [len(message["here"]) for message in hub.heard] == [200, 200, 50]
    assert [message["gone"] for message in hub.heard] == [[[7, "visit"]], [], []]


def test_a_process_with_a_hub_leaves_everything_to_it(layer: FakeLayer) -> None:
    with fake_hub.attached() as hub:
        doorbell.wake()
        doorbell.ring(5)

    assert (hub.woken, hub.carried, layer.sent) == (1, [LOG_GROUP], [])


def test_what_is_muted_rings_nowhere(layer: FakeLayer) -> None:
    before = doorbell.mute(True)
    doorbell.wake()
    doorbell.carry({"type": "a"}, ["user.7"])
    doorbell.mute(before)
    doorbell.ring(5)
    layer.wait_for(1)

    assert layer.sent == [(LOG_GROUP, 5)]


@pytest.mark.parametrize(
    "broken",
    [
        {"CHANNEL_LAYERS": {"default": {"BACKEND": "nowhere.Layer"}}},
        {"CHANNEL_LAYERS": {"default": {}}},
        {"SCHEDULER_REALTIME": {"HEARTBEAT_INTERVAL": 0}},
    ],
)
def test_a_doorbell_that_is_broken_is_logged_and_never_raises(
    broken: dict[str, Any], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in broken.items():
        setattr(settings, name, value)

    doorbell.wake()
    doorbell.carry({"type": "a"}, ["user.7"])

    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_a_project_without_a_layer_rings_nowhere(settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {}

    doorbell.wake()


# With a real Redis, from a process of its own.


@pytest.fixture(scope="module")
def lonely_redis() -> Iterator[RedisServer]:
    with contextlib.closing(RedisServer()) as server:
        server.start()
        yield server


@pytest.fixture(scope="module")
def host(seeded_sqlite: Seeded, lonely_redis: RedisServer) -> Iterator[Console]:
    """A shell of a host's project, which has no hub."""
    path = lifeline.new_folder("doorbell") / "host.sqlite3"
    shutil.copyfile(seeded_sqlite.place, path)
    environment = project_environment(f"sqlite:///{path}", lonely_redis.url, "bell")
    with contextlib.closing(Console(environment)) as console:
        yield console


@pytest.fixture
def wire(lonely_redis: RedisServer) -> Iterator[Any]:
    """Whoever listens at Redis for the doorbell."""
    lonely_redis.ensure_running()
    with redis.Redis.from_url(lonely_redis.url, socket_timeout=10) as client:
        listening = client.pubsub(ignore_subscribe_messages=True)
        listening.psubscribe("bell*")
        listening.get_message(timeout=5)
        yield listening
        listening.close()


SAVES = """
import time
surgery = Surgery.objects.first()
slowest = 0.0
for number in range(15):
    begun = time.perf_counter()
    surgery.notes = f"{number} {begun}"
    surgery.save()
    slowest = max(slowest, time.perf_counter() - begun)
print(slowest)
"""


TOUCH = "s = Surgery.objects.first(); s.notes += '.'; s.save()"


def ring_heard(wire: Any) -> bool:
    return wire.get_message(timeout=0.05) is not None


@pytest.mark.sqlite_only
def test_a_commit_rings_through_redis(host: Console, wire: Any) -> None:
    host.run(SAVES)

    wait_for(lambda: ring_heard(wire), within=5, what="a ring")


@pytest.mark.sqlite_only
@pytest.mark.parametrize("harm", ["stop", "kill", "freeze"])
def test_a_save_takes_no_longer_without_redis_and_rings_again_with_it(
    harm: str, host: Console, lonely_redis: RedisServer
) -> None:
    lonely_redis.ensure_running()
    host.run(SAVES)

    getattr(lonely_redis, harm)()
    slowest = float(host.run(SAVES))

    assert slowest < 0.5
    lonely_redis.ensure_running()
    with contextlib.closing(redis.Redis.from_url(lonely_redis.url)) as client:
        listening = client.pubsub(ignore_subscribe_messages=True)
        listening.psubscribe("bell*")
        wait_for(lambda: rung_again(host, listening), within=10, what="a ring")
        listening.close()


def rung_again(host: Console, listening: Any) -> bool:
    host.run(TOUCH)
    return ring_heard(listening)


NAMES = "{thread.name for thread in threading.enumerate()}"

FORK = f"""
import asyncio, os, threading
from scheduler_realtime import doorbell
from scheduler_realtime.doorbell import ringing

{TOUCH}
assert "realtime-doorbell" in {NAMES}, {NAMES}
doorbell.attach(object())
child = os.fork()
if not child:
    try:
        assert ringing._hub is None and ringing._thread is None
        ringing.ring(7)
        assert "realtime-doorbell" in {NAMES}, {NAMES}
        os._exit(0)
    finally:
        os._exit(1)
doorbell.detach(ringing._hub)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.sqlite_only
def test_a_forked_child_has_neither_the_hub_nor_the_thread(host: Console, wire: Any) -> None:
    host.run(FORK)


@pytest.mark.sqlite_only
def test_in_memory_without_a_hub_no_thread_is_started(seeded_sqlite: Seeded) -> None:
    path = lifeline.new_folder("doorbell") / "alone.sqlite3"
    shutil.copyfile(seeded_sqlite.place, path)
    with contextlib.closing(Console(project_environment(f"sqlite:///{path}", None))) as alone:
        code = f"import threading; {TOUCH}; print({NAMES})"

        assert alone.run(code) == "{'MainThread'}"

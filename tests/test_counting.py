"""Counting: each thing that happens is counted in its place, once, and orders are not."""

import json
from typing import Any

import pytest

from scheduler_realtime import clock, consumers, counters, doorbell, log, orders
from scheduler_realtime.consumers import RealtimeConsumer
from scheduler_realtime.exceptions import TokenRejected
from scheduler_realtime.log import Draft
from scheduler_realtime.messages import envelope
from scheduler_realtime.origin import OriginMiddleware
from scheduler_realtime.relay import Relay
from scheduler_realtime.session import Session
from tests.harness.fake_hub import attached
from tests.harness.house import House
from tests.harness.line import Line

pytestmark = pytest.mark.usefixtures("counted_afresh")


def counted(kind: Any) -> dict[str, int]:
    return dict(counters.snapshot().messages[kind])


def draft(type_: str) -> Draft:
    return Draft(type=type_, data={}, groups=frozenset({"everyone"}))


@pytest.mark.usefixtures("committed")
def test_what_a_relay_gives_positions_to_is_published_by_type() -> None:
    log.append([draft("system_notification"), draft("emergency_alert")])
    log.append([draft("system_notification"), log.resync("test")])
    orders.disconnect(["nobody"])

    assert Relay().turn().given == 5

    assert counted("published") == {"system_notification": 2, "emergency_alert": 1}


@pytest.mark.usefixtures("committed")
def test_who_finds_nothing_to_do_publishes_nothing() -> None:
    log.append([draft("system_notification")])
    Relay().turn()

    for is_expected in (True, False):
        Relay().turn(is_expected=is_expected)

    assert counted("published") == {"system_notification": 1}


@pytest.mark.sqlite_only
def test_an_ephemeral_frame_is_published_once_however_many_groups_hear_it() -> None:
    with attached():
        frame = envelope("receipt_update", {}, timestamp=clock.now())
        doorbell.carry(frame, ["user.1", "user.2", "watchers.receipts"])

    assert counted("published") == {"receipt_update": 1}


@pytest.mark.sqlite_only
async def test_frames_of_clients_are_counted_by_command_and_bad_ones_as_bad(house: House) -> None:
    seat = await house.join()
    talk = Session(house.hub, seat.connection)

    for text in ('{"type": "heartbeat"}', '{"type": "presence"}', '{"type": "heartbeat"}'):
        await talk.receive({"text": text})
    for text in ("{", '{"type": "dance"}', '{"type": "ack", "data": {}}'):
        await talk.receive({"text": text})
    await talk.receive({"bytes": b"x"})

    assert counted("received") == {"heartbeat": 2, "presence": 1, "bad": 4}


@pytest.mark.sqlite_only
async def test_frames_that_are_too_many_or_too_large_are_counted_as_such(
    house: House, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"FRAMES_BURST": 2, "FRAMES_PER_SECOND": 0.001}
    seat = await house.join()
    talk = Session(house.hub, seat.connection)

    for _ in range(5):
        await talk.receive({"text": json.dumps({"type": "heartbeat"})})
    await talk.receive({"text": "x" * 100_000})

    assert counted("received") == {"heartbeat": 2, "rate_limited": 3, "bad": 1}


@pytest.mark.sqlite_only
async def test_a_refused_handshake_is_counted_by_its_code(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers.hub, "current", lambda: house.hub)
    line = Line()

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    for code in (4401, 4403, 4401):
        scope = {"realtime_identity": TokenRejected("no", close_code=code)}
        await RealtimeConsumer()(scope, receive, line.send)

    assert counters.snapshot().refused == {"4401": 2, "4403": 1}
    assert [each["type"] for each in line.sent].count("websocket.close") == 3


@pytest.mark.sqlite_only
async def test_a_foreign_page_is_a_refusal_too(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["board.example"]
    headers = [(b"host", b"board.example"), (b"origin", b"http://evil.example")]
    line = Line()

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def app(*given: Any) -> None:
        raise AssertionError("it was let in")

    scope = {"type": "websocket", "scheme": "ws", "path": "/api/ws/ws", "headers": headers}
    await OriginMiddleware(app)(scope, receive, line.send)

    assert counters.snapshot().refused == {"403": 1}

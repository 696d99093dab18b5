"""What a client may not do on real servers: bad frames, large ones, and too many."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.conftest import OpenClustered, OpenEmbedded
from tests.harness.app_server import KINDS, AppServer, Kind
from tests.harness.hostile import CONTINUED, Hostile, frame
from tests.harness.listener import Listener
from tests.harness.site import Site

pytestmark = pytest.mark.servers


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    yield embedded_site
    assert "Traceback" not in embedded_site.server.log_text()[before:]


DEEP = '{"type":"heartbeat","data":{"x":' + "[" * 20 + "]" * 20 + "}}"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("nonsense", "bad_json"),
        (b'{"type":"heartbeat"}', "bad_json"),
        (DEEP, "bad_json"),
        ("[" * 60_000, "bad_json"),
        ('{"type":"heartbeat","data":{"position":NaN}}', "bad_json"),
        ('{"type":"heartbeat","type":"heartbeat"}', "bad_json"),
        ('{"type":"heartbeat","data":{"current_page":"\\ud800"}}', "bad_json"),
        (
            json.dumps({"type": "heartbeat", "data": dict.fromkeys(map(str, range(101)))}),
            "bad_json",
        ),
        ('{"type":"__class__"}', "unknown_type"),
        ('{"type":"heartbeat","data":{"position":"x"}}', "bad_data"),
    ],
)
async def test_a_bad_frame_gets_an_error_and_the_connection_stays(
    site: Site, payload: str | bytes, code: str
) -> None:
    async with site.listen("nurse") as ear:
        await ear.send_raw(payload)

        error = await ear.next("error")
        await ear.ask("heartbeat")

    assert error["data"]["code"] == code
    assert error["data"]["detail"]


async def test_five_bad_frames_within_a_minute_close_with_4400(site: Site) -> None:
    async with site.listen("nurse") as ear:
        for _ in range(4):
            await ear.send_raw("nonsense")
        await ear.ask("heartbeat")
        await ear.send_raw("nonsense")

        assert await ear.closed() == 4400

    assert [frame["type"] for frame in ear.frames].count("error") == 5


async def test_a_frame_of_the_largest_size_is_taken_and_a_larger_one_closes_with_4413(
    site: Site,
) -> None:
    frame = {"type": "heartbeat", "data": {"filling": ""}, "ref": "large"}
    frame["data"] = {"filling": "x" * (64 * 1024 - len(json.dumps(frame)))}

    async with site.listen("nurse") as ear:
        await ear.send_raw(json.dumps(frame))
        await ear.next("heartbeat_ack")
        await ear.send_raw(json.dumps(frame) + " ")

        assert await ear.closed() == 4413


@pytest.mark.parametrize(
    "begun",
    [
        frame(b"x" * 1000, claims=8 * 2**20),
        frame(b"x", is_last=False) + frame(b"x" * 60_000, CONTINUED, is_last=False) * 6,
    ],
    ids=["in one frame", "in pieces"],
)
async def test_a_message_far_too_large_is_ended_by_the_server_while_it_comes(
    site: Site, begun: bytes
) -> None:
    async with Hostile.connected(site.server) as client:
        await client.request(site.token("nurse"))
        async with asyncio.timeout(5):
            await client.ended_after(begun)


async def test_bytes_are_counted_and_not_characters(site: Site) -> None:
    async with site.listen("nurse") as ear:
        await ear.send_raw("ü" * (33 * 1024))

        assert await ear.closed() == 4413


async def test_a_flood_is_told_to_slow_down_and_then_closed_with_4429(site: Site) -> None:
    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        for number in range(130):
            await ear.send({"type": "heartbeat", "data": {}, "ref": f"n{number}"})

        assert await ear.closed() == 4429

    refused = [frame for frame in ear.frames if frame["type"] == "error"]
    answered = [frame for frame in ear.frames if frame["type"] == "heartbeat_ack"]
    assert {frame["data"]["code"] for frame in refused} == {"rate_limited"}
    assert len(refused) == 100
    assert 20 <= len(answered) <= 30
    assert not {frame["ref"] for frame in refused} & {frame["ref"] for frame in answered}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_user_has_so_many_sockets_and_says_so_much_with_all_of_them(
    embedded: OpenEmbedded, kind: Kind
) -> None:
    site = embedded(
        kind,
        env={
            "WEBSOCKET_MAX_CONNECTIONS_PER_USER": "2",
            "WEBSOCKET_MAX_CONNECTIONS_PER_ADDRESS": "4",
            "WEBSOCKET_USER_FRAMES_BURST": "20",
            "WEBSOCKET_USER_FRAMES_PER_SECOND": "0.001",
            "WEBSOCKET_MAX_UNAUTHENTICATED": "1",
        },
    )
    async with site.listen("nurse") as one, site.listen("nurse") as two:
        await one.next("welcome")
        await two.next("welcome")
        async with site.listen("nurse") as third:
            assert await third.closed() == 4429
        async with site.listen("viewer") as other, site.listen("surgeon") as fourth:
            await other.ask("heartbeat")
            await fourth.ask("heartbeat")
            async with site.listen("admin") as fifth:
                assert await fifth.closed() == 4429
        for _ in range(12):
            await one.ask("heartbeat")
        for _ in range(8):
            await two.ask("heartbeat")

        await two.send({"type": "heartbeat", "data": {}, "ref": "beyond"})
        refused = await two.next("error")

    assert refused["data"]["code"] == "rate_limited"
    assert refused["ref"] == "beyond"
    async with site.listen("nurse") as again:
        await again.next("welcome")
    async with Listener.open(site.server, token=None, how="query") as stranger:
        async with Listener.open(site.server, token=None, how="query") as another:
            assert await another.closed() == 4513
        assert stranger.frames == []


async def test_no_more_sockets_are_taken_than_all_processes_together_may_have(
    clustered: OpenClustered,
) -> None:
    site = clustered("uvicorn", "daphne", env={"WEBSOCKET_MAX_CONNECTIONS_TOTAL": "2"})
    one, two = site.servers
    async with site.listen("nurse", server=one) as first, site.listen("nurse", server=one) as more:
        await first.next("welcome")
        await more.next("welcome")

        async with asyncio.timeout(10):
            code = None
            while code is None:  # the other process is told within its round
                code = await refusal(site, two)

    assert code == 4513


async def refusal(site: Site, server: AppServer) -> int | None:
    """What a socket that opens there is closed with, or None where it is welcome."""
    async with site.listen("viewer", server=server) as ear:
        try:
            await ear.next("welcome")
        except AssertionError:
            return await ear.closed()
    return None

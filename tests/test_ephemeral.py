"""Ephemeral frames: from anybody who sends to the layer, to the sockets of the groups it names."""

import asyncio
import uuid
from typing import Any

import pytest

from scheduler_realtime import road as roads
from tests.harness.house import House, StillTail, identity, row
from tests.harness.line import turns
from tests.harness.site import Site

pytestmark = pytest.mark.sqlite_only

NURSE = frozenset({"everyone", "user.1", "role.nurse"})
TICK = {"type": "optimization_progress", "data": {"optimization_id": "run", "status": "running"}}


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(roads, "Tail", StillTail)
    house = House()
    house.open()
    await house.hub.road.ready.wait()
    yield house
    await house.close()


async def settled(house: House) -> None:
    """Let what was put before it reach the sockets: a frame in each round of the loop."""
    await turns(10)
    house.publish_more(1)
    await house.told()


def frame_to(*groups: str, **frame: Any) -> dict[str, Any]:
    whole = {"type": "x", "data": {}} | frame
    return {"type": "realtime.frame", "groups": list(groups), "frame": whole}


async def test_a_frame_reaches_each_socket_of_its_groups_once(house: House) -> None:
    nurse = await house.join()
    viewer = await house.join(who=identity({"everyone", "user.2"}, user_id=2))

    house.hub.hear(frame_to("role.nurse", "user.1", data={"n": 1}))
    await settled(house)

    assert nurse.last("x")["data"] == {"n": 1}
    assert nurse.types.count("x") == 1
    assert "x" not in viewer.types


async def test_between_two_frames_of_this_process_the_loop_gets_round(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, heard = 0, []
    monkeypatch.setattr(house.hub, "_on_layer", lambda message: heard.append((rounds, message)))

    for number in range(10):
        house.hub.hear(frame_to("everyone", data={"n": number}))
    async with asyncio.timeout(5):
        while len(heard) < 10:
            rounds += 1
            await asyncio.sleep(0)

    assert [message["frame"]["data"]["n"] for _, message in heard] == list(range(10))
    assert len({number for number, _ in heard}) == 10


async def test_a_frame_that_was_sent_to_two_groups_is_heard_once(house: House) -> None:
    seat = await house.join()
    message = frame_to("role.nurse", "everyone") | {"token": uuid.uuid4().hex}

    house.hub.hear(message)
    house.hub.hear(message)
    await settled(house)

    assert seat.types.count("x") == 1


async def test_a_frame_can_claim_no_place_in_the_log(house: House) -> None:
    seat = await house.join()

    house.hub.hear(frame_to("everyone", id=999, key="k", early=True, redelivered=True))
    await settled(house)

    assert set(seat.last("x")) == {"type", "timestamp", "data"}


async def test_what_is_protected_is_left_out_for_those_without_the_clearance(
    house: House,
) -> None:
    cleared = await house.join()
    uncleared = await house.join(who=identity(NURSE, is_cleared=False))

    data = {"patient_name": "Rosa", "description": "fire"}
    house.hub.hear(frame_to("everyone", type="emergency_alert", data=data))
    await settled(house)

    assert cleared.last("emergency_alert")["data"] == data
    assert uncleared.last("emergency_alert")["data"] == {"description": "fire"}


async def test_no_tick_of_a_run_follows_its_end(house: House) -> None:
    slow = await house.join()
    slow.line.stall()
    house.hub.hear(frame_to("everyone", **TICK))
    await settled(house)
    house.hub.hear(frame_to("everyone", **TICK))
    ended = row(2, "optimization_progress", optimization_id="run", status="completed")
    house.publish(ended)
    await house.told()

    slow.line.read_on()
    await settled(house)

    told = [f["data"]["status"] for f in slow.frames if f["type"] == "optimization_progress"]
    assert told[-1] == "completed"
    assert told.count("running") <= 1


async def test_a_subscription_to_types_narrows_frames_but_not_those_to_this_very_user(
    house: House,
) -> None:
    seat = await house.join()
    seat.connection.wanted = {"types": frozenset({"schedule_update"})}

    house.hub.hear(frame_to("everyone", data={"to": "all"}))
    house.hub.hear(frame_to("user.1", data={"to": "one"}))
    await settled(house)

    assert [frame["data"] for frame in seat.frames if frame["type"] == "x"] == [{"to": "one"}]


MALFORMED: list[dict[str, Any]] = [
    {},
    {"frame": {"type": "x"}},
    {"group": None, "frame": {"type": "x"}},
    {"group": 5, "frame": {"type": "x"}},
    {"groups": "everyone", "frame": {"type": "x"}},
    {"groups": [["everyone"]], "frame": {"type": "x"}},
    {"groups": {"everyone": 1}, "frame": {"type": "x"}},
    {"group": "everyone"},
    {"group": "everyone", "frame": None},
    {"group": "everyone", "frame": "x"},
    {"group": "everyone", "frame": {"data": {}}},
    {"group": "everyone", "frame": {"type": None}},
    {"group": "everyone", "frame": {"type": ["x"]}},
    {"group": "everyone", "frame": {"type": "x", "data": [1]}},
    {"group": "everyone", "frame": {"type": "x", "data": {"n": float("nan")}}},
    {"group": "everyone", "frame": {"type": "x", "data": {"o": object()}}},
    {"group": "everyone", "frame": {"type": "x", "data": {"\ud800": 1}}},
    {"group": "everyone", "frame": {"type": "optimization_progress", "data": [1]}},
    {"group": "everyone", "frame": {"type": "emergency_alert", "data": "patient"}},
    {"group": "everyone", "token": ["t"], "frame": {"type": "x"}},
]


@pytest.mark.parametrize("message", MALFORMED)
async def test_a_malformed_frame_reaches_nobody_and_is_logged(
    house: House, caplog: pytest.LogCaptureFixture, message: dict[str, Any]
) -> None:
    seat = await house.join()

    house.hub.hear({"type": "realtime.frame"} | message)
    await settled(house)

    assert seat.types == ["welcome", "system_notification"]
    assert "reaches nobody" in caplog.text


async def test_no_key_of_a_malformed_frame_begins_a_line_of_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    frame = {"type": "x", "data": {"a\nERROR forged": float("nan")}}

    house.hub.hear({"type": "realtime.frame", "group": "everyone", "frame": frame})
    await settled(house)

    assert "forged" in caplog.text
    assert "\nERROR forged" not in caplog.text


@pytest.mark.parametrize("run", [["run"], {"run": 1}, 5, None])
async def test_a_tick_of_an_odd_run_harms_nobody(house: House, run: Any) -> None:
    seat = await house.join()

    house.hub.hear(frame_to("everyone", type=TICK["type"], data={"optimization_id": run}))
    await settled(house)

    assert seat.types[-1] == "system_notification"


GROUP_SEND = """
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
layer = get_channel_layer()
for group, message in {messages!r}:
    async_to_sync(layer.group_send)(group, message)
"""


def third_party(group: str, name: str, **more: Any) -> tuple[str, dict[str, Any]]:
    frame = {"type": "x", "data": {"name": name}}
    return group, {"type": "realtime.frame", "group": group, "frame": frame} | more


async def test_a_third_partys_frame_reaches_exactly_the_sockets_of_its_group(
    clustered_site: Site,
) -> None:
    daphne, uvicorn = clustered_site.named("daphne"), clustered_site.named("uvicorn")
    messages = [
        ("role.nurse", {"type": "realtime.frame", "frame": {"type": "x"}}),
        ("role.nurse", {"type": "realtime.frame", "group": 5, "frame": "x"}),
        ("role.nurse", {"type": "realtime.nonsense"}),
        third_party("role.nurse", "nurses"),
        third_party("role.nurse", "both", groups=["role.nurse", "role.viewer"], token="t1"),
        third_party("role.viewer", "both", groups=["role.nurse", "role.viewer"], token="t1"),
        third_party("everyone", "the end"),
    ]

    async with (
        clustered_site.listen("nurse", server=daphne) as near,
        clustered_site.listen("nurse", server=uvicorn) as far,
        clustered_site.listen("viewer", server=daphne) as viewer,
        clustered_site.listen("surgeon", server=uvicorn) as surgeon,
    ):
        ears = (near, far, viewer, surgeon)
        for ear in ears:
            await ear.next("welcome")
            await is_member(clustered_site, ear)
        await asyncio.to_thread(clustered_site.shell, GROUP_SEND.format(messages=messages))
        heard = [await ear.drain_until(named("the end")) for ear in ears]

    told = [[f["data"]["name"] for f in frames if f["type"] == "x"] for frames in heard]
    names = [[name for name in each if not name.startswith("probe")] for each in told]
    assert names == [["nurses", "both"], ["nurses", "both"], ["both"], []]


def named(name: str) -> Any:
    return lambda frame: frame["data"].get("name") == name


async def is_member(site: Site, ear: Any) -> None:
    """Wait until the layer carries each of this socket's groups to it: no handshake waits for it."""
    groups = ear.frames[0]["data"]["groups"]
    for group in groups:
        name = f"probe {uuid.uuid4()}"
        code = GROUP_SEND.format(messages=[third_party(group, name)])
        async with asyncio.timeout(5):
            while not await probed(site, ear, code, name):
                pass


async def probed(site: Site, ear: Any, code: str, name: str) -> bool:
    await asyncio.to_thread(site.shell, code)
    try:
        await ear.next("x", where=named(name), timeout=0.2)
    except AssertionError:
        return False
    return True

"""Acknowledging on real servers: once for all devices, and again and again until it is done."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.listener import Frame, Listener
from tests.harness.site import Site

pytestmark = pytest.mark.servers

ALERT = """
from scheduler_realtime import broadcast_emergency_alert
broadcast_emergency_alert(
    emergency_id={name!r}, emergency_type="fire", priority="high", description="d", {more}
)
"""


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    yield embedded_site
    assert "Traceback" not in embedded_site.server.log_text()[before:]


async def raise_alert(site: Site, name: str, **more: Any) -> None:
    words = ", ".join(f"{key}={value!r}" for key, value in more.items())
    await asyncio.to_thread(site.shell, ALERT.format(name=name, more=words))


def is_alert(name: str) -> Any:
    return lambda frame: frame["data"].get("emergency_id") == name


async def raise_while_away(site: Site, name: str) -> None:
    """An alert to everyone, which this server has told of by the time this returns."""
    async with site.listen("viewer") as witness:
        await witness.next("welcome")
        await raise_alert(site, name)
        await witness.next("emergency_alert", where=is_alert(name))


async def first_frames(ear: Listener) -> list[Frame]:
    """What came before the reply to a first question, `welcome` and presence apart."""
    frames = await ear.drain_by_asking()
    return [frame for frame in frames if frame["type"] not in {"welcome", "user_presence"}]


async def test_an_alert_comes_again_until_its_user_has_acknowledged_it(site: Site) -> None:
    await raise_while_away(site, "fire")

    async with site.listen("nurse") as ear:
        again = await ear.next("emergency_alert", where=is_alert("fire"))
    async with site.listen("nurse") as ear:
        still = await ear.next("emergency_alert", where=is_alert("fire"))
        answer = await ear.ask("ack", {"id": still["id"]})
    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        done = await first_frames(ear)
    async with site.listen("surgeon") as other:
        others = await other.next("emergency_alert", where=is_alert("fire"))

    assert again["redelivered"] is True
    assert (again["id"], again["key"]) == (still["id"], still["key"])
    assert answer["data"] == {"acknowledged": [still["id"]], "unknown": []}
    assert done == []
    assert others["redelivered"] is True


async def test_one_device_clears_it_for_all_of_the_users_devices(site: Site) -> None:
    async with site.listen("nurse") as desk, site.listen("nurse") as phone:
        await desk.next("welcome")
        await phone.next("welcome")
        await raise_alert(site, "fire")
        alert = await desk.next("emergency_alert")
        await desk.ask("ack", {"ids": [alert["id"]]})

        told = await phone.next("receipt_update")

    assert told["data"] == {
        "id": alert["id"],
        "user_id": site.user_id("nurse"),
        "state": "acknowledged",
    }
    assert "id" not in told


async def test_the_sender_and_watchers_hear_of_receipts_and_nobody_else(site: Site) -> None:
    sender = site.user_id("scheduler")
    async with (
        site.listen("scheduler") as from_whom,
        site.listen("admin") as watcher,
        site.listen("viewer") as nobody,
        site.listen("nurse") as ear,
    ):
        for each in (from_whom, watcher, nobody, ear):
            await each.next("welcome")
        await raise_alert(site, "fire", user_id=sender, users=[site.user_id("nurse")])
        alert = await ear.next("emergency_alert")
        await ear.ask("heartbeat", {"position": alert["id"]})
        delivered = await from_whom.next("receipt_update")
        await ear.ask("ack", {"id": alert["id"]})
        acknowledged = await from_whom.next("receipt_update")
        watched = [await watcher.next("receipt_update") for _ in range(2)]
        heard = await nobody.drain_by_asking()

    assert delivered["data"]["state"] == "delivered"
    assert acknowledged["data"]["state"] == "acknowledged"
    assert [frame["data"] for frame in watched] == [delivered["data"], acknowledged["data"]]
    assert not [frame for frame in heard if frame["type"] in {"receipt_update", "emergency_alert"}]


@pytest.mark.parametrize("strange", [-1, 0, 10**6, 2**63, 10**30])
async def test_what_does_not_exist_is_unknown(site: Site, strange: int) -> None:
    async with site.listen("nurse") as ear:
        await ear.next("welcome")

        answer = await ear.ask("ack", {"ids": [strange]})

    assert answer["data"]["acknowledged"] == []
    assert [int(each) for each in answer["data"]["unknown"]] == [strange]


async def test_what_is_another_users_is_as_unknown_as_what_does_not_exist(site: Site) -> None:
    async with site.listen("nurse") as hers, site.listen("viewer") as ear:
        await hers.next("welcome")
        await ear.next("welcome")
        await raise_alert(site, "hers", users=[site.user_id("nurse")])
        alert = await hers.next("emergency_alert")

        answer = await ear.ask("ack", {"ids": [alert["id"], 10**6]})
        stored = await asyncio.to_thread(site.shell, "print(Receipt.objects.count())")

    assert answer["data"] == {"acknowledged": [], "unknown": [alert["id"], 10**6]}
    assert stored == "0"


@pytest.mark.parametrize(
    "data",
    [{}, {"ids": []}, {"ids": list(range(1, 10_001))}, {"ids": ["1"]}, {"id": True}, {"id": 1.5}],
)
async def test_what_is_no_list_of_positions_is_refused_and_the_socket_lives_on(
    site: Site, data: dict[str, Any]
) -> None:
    async with site.listen("nurse") as ear:
        await ear.next("welcome")

        refusal = await ear.ask("ack", data)
        answer = await ear.ask("heartbeat")

    assert refusal["type"] == "error"
    assert refusal["data"]["code"] == "bad_data"
    assert refusal["data"]["fields"]
    assert answer["type"] == "heartbeat_ack"


async def test_who_resumes_gets_what_awaits_first_and_then_what_was_missed(site: Site) -> None:
    async with site.listen("nurse") as ear:
        welcome = await ear.next("welcome")
        await raise_alert(site, "seen")
        seen = await ear.next("emergency_alert", where=is_alert("seen"))
    await raise_while_away(site, "missed")
    params = {"since": seen["id"], "epoch": welcome["data"]["epoch"]}
    async with site.listen("nurse", params=params) as ear:
        await ear.next("welcome")
        frames = await ear.drain_until(lambda frame: frame["type"] == "caught_up")

    alerts = [frame for frame in frames if frame["type"] == "emergency_alert"]
    assert [(a["data"]["emergency_id"], a.get("redelivered")) for a in alerts] == [
        ("seen", True),
        ("missed", None),
    ]


async def test_an_expired_alert_does_not_come_again(site: Site) -> None:
    await raise_alert(site, "old", expires_at="2020-01-01T00:00:00Z")

    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        frames = await first_frames(ear)

    assert frames == []

"""A wish to resume: whatever a client writes is answered, and never out of another log than its own."""

import asyncio
from typing import Any

import pytest

from scheduler_realtime import backoff, log
from scheduler_realtime.ratelimit import Buckets
from tests.harness.house import House, identity, row
from tests.harness.line import until
from tests.harness.listener import Frame, Listener
from tests.harness.site import Site
from tests.test_main_job import SHELL_SAVE, is_update_of

pytestmark = pytest.mark.sqlite_only

HUGE = 2**63


@pytest.fixture
def unread(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house with ten messages behind it, none of which it has in memory."""
    monkeypatch.setattr(backoff, "PAUSES", (0.001,))
    monkeypatch.setattr(log, "state", house.state)
    house.rows = [row(position) for position in range(1, 11)]
    house.hub.road.start_at(house.state())
    return house


async def replace_unseen(house: House, head: int) -> None:
    """The log is another one, and the hub does not know yet."""
    await until(lambda: house.hub.road.position == 10)
    house.epoch, house.rows = "another", [row(position) for position in range(1, head + 1)]


async def until_waiting(house: House) -> None:
    """Until the log was read so often that whoever reads it must be waiting."""
    before = house.reads
    await until(lambda: house.reads >= before + 20)


async def notice(house: House) -> None:
    house.hub.road.replaced(house.state(), "epoch_changed")
    await until(lambda: house.hub.road.epoch == "another")


async def test_who_resumes_while_the_log_is_replaced_is_told_so(unread: House) -> None:
    epoch = unread.epoch
    await replace_unseen(unread, head=20)

    joining = asyncio.create_task(unread.join(query=f"since=5&epoch={epoch}"))
    await until_waiting(unread)
    await notice(unread)
    seat = await joining

    assert seat.frames[0]["data"]["reason"] == "epoch_changed"
    assert seat.frames[0]["data"]["epoch"] == "another"
    assert seat.positions == []


async def test_who_heard_more_elsewhere_of_a_log_that_is_replaced_is_told_so(
    unread: House,
) -> None:
    epoch = unread.epoch
    await replace_unseen(unread, head=20)

    seat = await unread.join(query=f"since=15&epoch={epoch}")

    assert seat.frames[0]["data"]["recovered"] is False
    assert seat.frames[0]["data"]["reason"] == "epoch_changed"


async def test_nobody_catches_up_out_of_another_log(house: House, unread: House) -> None:
    await until(lambda: house.hub.road.position == 10)
    slow = await house.join()
    slow.line.stall()
    house.publish_more(50)
    await house.told()
    house.hub.road.ring.restart(60)
    others = [row(position, is_others=True) for position in range(1, 101)]
    house.epoch, house.rows = "another", others

    slow.line.read_on()
    await until_waiting(house)
    await notice(house)
    await until(lambda: "resync" in slow.types)
    house.publish_more(1)
    await house.told()

    assert not [frame for frame in slow.frames if "is_others" in frame["data"]]
    after = slow.frames[slow.types.index("resync") :]
    assert [frame.get("id") for frame in after] == [None, 101]


async def test_a_resync_that_waits_in_a_mailbox_keeps_the_epoch_it_was_said_in(
    house: House,
) -> None:
    epoch = house.epoch
    seat = await house.join()
    seat.line.stall()
    house.publish(row(1), row(2, "resync", reason="capture_failed"))
    await house.told()
    house.epoch, house.rows = "another", [row(5)]
    await notice(house)

    seat.line.read_on()
    await until(lambda: seat.types.count("resync") == 2)

    first, second = (frame["data"] for frame in seat.frames if frame["type"] == "resync")
    assert (first["epoch"], first["position"]) == (epoch, 2)
    assert (second["epoch"], second["position"]) == ("another", 5)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("since=-1&epoch={epoch}", "bad_since"),
        (f"since={HUGE}&epoch={{epoch}}", "bad_since"),
        (f"since={HUGE - 1}&epoch={{epoch}}", "ahead"),
        ("since=" + "9" * 4000 + "&epoch={epoch}", "bad_since"),
        ("since=four&epoch={epoch}", "bad_since"),
        ("since=1e3&epoch={epoch}", "bad_since"),
        ("since=&epoch={epoch}", "bad_since"),
        ("since&epoch={epoch}", "bad_since"),
        ("since=0&since=1&epoch={epoch}", "bad_since"),
        ("since=%D9%A4&epoch={epoch}", "bad_since"),
        ("since=%FF%00&epoch={epoch}", "bad_since"),
        ("since=0&epoch=00000000-0000-4000-8000-000000000000", "epoch_changed"),
        ("since=0&epoch=%00", "epoch_changed"),
        ("since=0&epoch={epoch}&epoch={epoch}", "epoch_changed"),
        ("since=0", "epoch_changed"),
        ("epoch={epoch}", None),
    ],
)
async def test_a_server_answers_every_wish_and_goes_on_live(
    embedded_site: Site, query: str, reason: str | None
) -> None:
    before = len(embedded_site.server.log_text())
    pk = embedded_site.surgeries()[0]["id"]
    async with embedded_site.listen("nurse") as ear:
        epoch = (await ear.next("welcome"))["data"]["epoch"]
    url = f"{embedded_site.server.ws_url}?{query.format(epoch=epoch)}"

    async with Listener.open(url, token=embedded_site.token("nurse")) as ear:
        welcome = await ear.next("welcome")
        await asyncio.to_thread(embedded_site.shell, SHELL_SAVE.format(pk=pk, notes=query[:40]))
        await ear.next(where=is_update_of(pk, notes=query[:40]))

    assert welcome["data"]["reason"] == reason
    assert welcome["data"]["recovered"] is (None if reason is None else False)
    assert reasons(ear.frames) == ([] if reason is None else [reason])
    assert "Traceback" not in embedded_site.server.log_text()[before:]


def reasons(frames: list[Frame]) -> list[Any]:
    """Of the resyncs that were said."""
    return [frame["data"]["reason"] for frame in frames if frame["type"] == "resync"]


async def test_who_resumes_too_often_reads_afresh_and_goes_on_live(
    house: House,
) -> None:
    house.hub.door.replays = Buckets(2, 0.01)
    house.publish_more(3)
    await house.told()
    query = f"since=1&epoch={house.epoch}"

    seats = [await house.join(query=query) for _ in range(3)]
    other = await house.join(query=query, who=identity(user_id=2))
    house.publish_more(1)
    await house.told()

    said = [each.frames[0]["data"] for each in [*seats, other]]
    assert [each["recovered"] for each in said] == [True, True, False, True]
    assert said[2]["reason"] == "too_many"
    assert seats[2].types[:2] == ["welcome", "resync"]
    assert seats[2].positions == [4]


async def test_who_does_not_resume_is_not_counted(house: House) -> None:
    house.hub.door.replays = Buckets(1, 0.01)

    seats = [await house.join() for _ in range(3)]

    assert [each.frames[0]["data"]["recovered"] for each in seats] == [None] * 3

"""A session on real servers: what each command does, and what a subscription lets through."""

import asyncio
import contextlib
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.harness import tokens
from tests.harness.listener import Frame, Listener
from tests.harness.site import Site

pytestmark = pytest.mark.servers

NOTIFY = """
from scheduler_realtime import send_system_notification
for title in {titles!r}:
    send_system_notification(title=title, message="m")
"""


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    yield embedded_site
    assert "Traceback" not in embedded_site.server.log_text()[before:]


async def shell(site: Site, code: str) -> str:
    return await asyncio.to_thread(site.shell, code)


def titled(title: str) -> Any:
    return lambda frame: frame["data"].get("title") == title


def described(text: str) -> Any:
    return lambda frame: frame["data"].get("description") == text


async def durable_up_to_now(site: Site, ear: Listener) -> list[Frame]:
    """The messages of the log that came of what was caused so far."""
    await shell(site, ALERT.format(what="the end"))
    frames = await ear.drain_until(described("the end"))
    return [frame for frame in frames if "id" in frame]


ALERT = """
from scheduler_realtime import broadcast_emergency_alert
broadcast_emergency_alert(
    emergency_id="e", emergency_type="fire", priority="high", description={what!r}
)
"""


async def test_a_heartbeat_is_acknowledged_with_its_ref_and_a_position(site: Site) -> None:
    async with site.listen("nurse") as ear:
        welcome = await ear.next("welcome")
        await ear.send({"type": "heartbeat", "data": {"position": 0}, "ref": "mine"})

        ack = await ear.next("heartbeat_ack")

    assert ack["ref"] == "mine"
    assert ack["data"]["position"] >= welcome["data"]["position"]
    assert ack["data"]["server_time"].endswith("Z")
    assert "id" not in ack


async def test_the_position_of_a_heartbeat_covers_what_came_before_it(site: Site) -> None:
    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        await shell(site, NOTIFY.format(titles=["counted"]))
        message = await ear.next(where=titled("counted"))

        ack = await ear.ask("heartbeat")

    assert ack["data"]["position"] == message["id"]


async def test_where_a_user_is_is_told_to_the_others(site: Site) -> None:
    async with site.listen("viewer") as other, site.listen("nurse") as ear:
        await ear.next("welcome")
        await ear.ask(
            "heartbeat",
            {"current_page": "/board?patient=7", "active_schedule_date": "2026-01-15"},
        )
        told = await other.next("user_presence", where=has_action("update"))
        await ear.ask("heartbeat", {"current_page": "/rooms"})
        moved = await other.next("user_presence", where=has_action("update"))

    assert told["data"]["username"] == "nurse"
    assert told["data"]["current_page"] == "/board"
    assert told["data"]["active_schedule_date"] == "2026-01-15"
    assert moved["data"]["current_page"] == "/rooms"
    assert moved["data"]["active_schedule_date"] == "2026-01-15"


def has_action(action: str) -> Any:
    return lambda frame: frame["data"].get("action") == action


async def test_a_user_joins_once_however_many_tabs_are_opened(site: Site) -> None:
    async with site.listen("admin") as ear:
        await ear.next("welcome")
        new = int(await shell(site, 'print(User.objects.create(username="new").pk)'))
        async with site.listen(new) as one, site.listen(new) as two:
            await one.next("welcome")
            await two.next("welcome")
            await shell(site, NOTIFY.format(titles=["afterwards"]))
            frames = await ear.drain_until(titled("afterwards"))

    joined = [frame["data"]["username"] for frame in frames if has_action("join")(frame)]
    assert joined.count("new") == 1


async def test_presence_lists_each_user_once(site: Site) -> None:
    async with site.listen("nurse") as one, site.listen("nurse"), site.listen("viewer") as other:
        await other.next("welcome")

        state = await one.ask("presence")

    users = [user["username"] for user in state["data"]["users"]]
    assert state["type"] == "presence_state"
    assert users.count("nurse") == 1
    assert users.count("viewer") == 1


async def test_a_fresh_token_of_the_same_user_takes_the_place_of_the_old(site: Site) -> None:
    short = timedelta(seconds=2)
    fresh = site.token("nurse", lifetime=timedelta(hours=5))

    async with (
        Listener.open(site.server, token=site.token("nurse", lifetime=short)) as ear,
        Listener.open(site.server, token=site.token("viewer", lifetime=short)) as clock,
    ):
        welcome = await ear.next("welcome")
        await ear.next("token_expiring")
        answer = await ear.ask("authenticate", {"token": fresh})
        assert await clock.closed() == 4401

        await ear.ask("heartbeat")

    assert answer["type"] == "authenticated"
    assert answer["data"]["token_expires_at"] > welcome["data"]["token_expires_at"]


@pytest.mark.parametrize("fault", ["another user's", "expired", "refresh", "garbage"])
async def test_a_token_that_is_no_good_changes_nothing(site: Site, fault: str) -> None:
    token = {
        "another user's": site.token("admin"),
        "expired": tokens.expired(site.users["nurse"]),
        "refresh": tokens.refresh(site.users["nurse"]),
        "garbage": "garbage",
    }[fault]

    async with site.listen("nurse") as ear:
        answer = await ear.ask("authenticate", {"token": token})
        await ear.ask("heartbeat")

    assert answer["type"] == "error"
    assert answer["data"]["code"] == "token_rejected"


async def test_a_locked_out_user_cannot_authenticate_anew(site: Site) -> None:
    async with site.listen("viewer") as ear:
        await ear.next("welcome")
        await shell(site, 'User.objects.filter(username="viewer").update(is_active=False)')

        answer = await ear.ask("authenticate", {"token": site.token("viewer")})

    assert answer["data"]["code"] == "token_rejected"


@pytest.mark.parametrize("command", ["ack", "cancel_optimization"])
async def test_a_reply_carries_the_ref_whatever_it_says(site: Site, command: str) -> None:
    async with site.listen("nurse") as ear:
        reply = await ear.ask(command, {"optimization_id": "none", "ids": []})

    assert reply["ref"]


async def test_the_filter_in_force_is_told_and_can_be_lifted(site: Site) -> None:
    async with site.listen("nurse") as ear:
        narrowed = await ear.ask("subscribe", {"types": ["conflict_notification"], "rooms": [1]})
        await shell(site, NOTIFY.format(titles=["withheld"]))
        withheld = await durable_up_to_now(site, ear)
        lifted = await ear.ask("subscribe", {})
        await shell(site, NOTIFY.format(titles=["let through"]))
        await ear.next(where=titled("let through"))

    assert narrowed["data"] == {"types": ["conflict_notification"], "rooms": [1]}
    assert withheld == []
    assert lifted["data"] == {}


CHANGES: dict[str, tuple[Mapping[str, list[Any]], bool]] = {
    "its own room": ({"rooms": ["{old}"]}, True),
    "the room it moves to": ({"rooms": ["{new}"]}, True),
    "a room as a text": ({"rooms": ["{new}x"]}, False),
    "another room": ({"rooms": [0]}, False),
    "no room": ({"rooms": []}, False),
    "its day": ({"dates": ["{day}"]}, True),
    "another day": ({"dates": ["1999-01-01"]}, False),
    "itself": ({"surgeries": ["{pk}"]}, True),
    "another surgery": ({"surgeries": [0]}, False),
    "its model": ({"models": ["scheduling.surgery"]}, True),
    "another model": ({"models": ["scheduling.room"]}, False),
    "its type": ({"types": ["schedule_update"]}, True),
    "another type": ({"types": ["system_notification"]}, False),
    "its room on another day": ({"rooms": ["{old}"], "dates": ["1999-01-01"]}, False),
}


async def test_a_move_is_let_through_by_its_old_and_its_new_place(site: Site) -> None:
    one, *others = site.surgeries()
    new = next(row["room"] for row in others if row["room"] != one["room"])
    day = await shell(
        site, f"print(timezone.localdate(Surgery.objects.get(pk={one['id']}).start_time))"
    )
    place = {"old": one["room"], "new": new, "pk": one["id"], "day": day}

    async with contextlib.AsyncExitStack() as stack:
        ears = {name: await stack.enter_async_context(site.listen("scheduler")) for name in CHANGES}
        for name, (asked, _) in CHANGES.items():
            await ears[name].ask("subscribe", filled(asked, place))
        await shell(site, f"s = Surgery.objects.get(pk={one['id']}); s.room_id = {new}; s.save()")
        await shell(site, ALERT.format(what="afterwards"))
        heard = {name: await ear.drain_until(described("afterwards")) for name, ear in ears.items()}

    moves = {
        name: [frame["data"]["surgery_id"] for frame in frames if "id" in frame]
        for name, frames in heard.items()
    }
    assert moves == {name: [one["id"]] * is_let for name, (_, is_let) in CHANGES.items()}


def filled(asked: Mapping[str, list[Any]], place: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        name: [value.format(**place) if isinstance(value, str) else value for value in values]
        for name, values in asked.items()
    }


async def test_alerts_and_what_is_sent_to_this_very_user_are_never_narrowed_away(
    site: Site,
) -> None:
    send = (
        NOTIFY.format(titles=["to everyone"])
        + """
send_system_notification(title="to you", message="m", users=[{pk}])
""".format(pk=site.users["nurse"])
    )

    async with site.listen("nurse") as ear:
        await ear.ask("subscribe", {"types": ["schedule_update"], "rooms": [0], "surgeries": [0]})
        await shell(site, send + ALERT.format(what="fire"))
        heard = await durable_up_to_now(site, ear)

    assert [frame["data"].get("title", frame["type"]) for frame in heard] == [
        "to you",
        "emergency_alert",
    ]


async def test_a_subscription_narrows_what_is_not_kept_as_well(site: Site) -> None:
    async with site.listen("nurse") as narrow, site.listen("admin") as wide:
        await narrow.ask("subscribe", {"types": ["schedule_update"]})
        await wide.next("welcome")
        await wide.ask("heartbeat", {"current_page": f"/{uuid.uuid4()}"})
        await wide.next("user_presence", where=has_action("update"))
        frames = await narrow.drain_by_asking()

    assert [frame for frame in frames if has_action("update")(frame)] == []

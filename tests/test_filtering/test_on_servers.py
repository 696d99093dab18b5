"""Filtering over real servers: on both, live and replayed, and when rights go without a signal."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.harness.listener import Frame, Listener
from tests.harness.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.slow]

HOST = {
    "DJANGO_SETTINGS_MODULE": "tests.hosts.confidential.settings",
    "WEBSOCKET_REVALIDATE_INTERVAL": "1",
}

PEOPLE = """
from django.contrib.auth.models import Permission, User
from scheduler_realtime import send_system_notification
may = Permission.objects.get(codename="delete_surgery")
nurse = User.objects.get(username="nurse")
"""

GRANT = (
    PEOPLE + 'nurse.user_permissions.add(may); send_system_notification(title="set", message="m")'
)

CHANGE = """
surgery = Surgery.objects.order_by("pk").first()
surgery.notes = {notes!r}
surgery.priority = {priority!r}
surgery.save()
from scheduler_realtime import send_system_notification
send_system_notification(title={notes!r}, message="m")
"""

# No signal is sent: nobody but a look at the tables can know.
TAKE = (
    PEOPLE
    + 'print(User.user_permissions.through.objects.filter(user=nurse)._raw_delete("default"))'
)


def titled(title: str) -> Callable[[Frame], bool]:
    return lambda frame: frame["data"].get("title") == title


async def change(site: Site, notes: str, priority: str = "urgent") -> None:
    code = CHANGE.format(notes=notes, priority=priority)
    await asyncio.to_thread(site.shell, code)


def updates(frames: list[Frame]) -> list[tuple[str, str | None]]:
    told = [frame["data"] for frame in frames if frame["type"] == "schedule_update"]
    return [(data["changes"].get("notes"), data.get("reason")) for data in told]


async def test_permission_and_function_hold_on_every_server_and_in_replay(
    clustered: Callable[..., Site],
) -> None:
    site = clustered(env=HOST)
    near, far = site.servers

    async with (
        site.listen("nurse", server=near) as one,
        site.listen("nurse", server=far) as two,
        site.listen("viewer", server=far) as viewer,
    ):
        welcome = await one.next("welcome")
        for ear in (two, viewer):
            await ear.next("welcome")
        await asyncio.to_thread(site.shell, GRANT)
        await asyncio.gather(*(ear.drain_until(titled("set")) for ear in (one, two, viewer)))
        await change(site, "first")
        await change(site, "second", "emergency")
        await change(site, "third", "emergency")
        heard = [await ear.drain_until(titled("third")) for ear in (one, two, viewer)]
        first, left = (frame["id"] for frame in heard[0] if frame["type"] == "schedule_update")
        hidden = left + 2  # behind the notification that followed it
        answer = await one.ask("ack", {"ids": [first, left, hidden]})
        resumed = {"epoch": welcome["data"]["epoch"], "since": welcome["data"]["position"]}
        async with site.listen("nurse", server=far, params=resumed) as late:
            replayed = await late.drain_until(lambda frame: frame["type"] == "caught_up")

        await change(site, "fourth")
        await two.drain_until(titled("fourth"))
        assert await asyncio.to_thread(site.shell, TAKE) == "1"
        silent_after = await silence(site, two)
        for number in range(3):
            await change(site, f"later {number}")
        later = [await ear.drain_until(titled("later 2")) for ear in (one, two)]

    assert updates(heard[0]) == updates(heard[1]) == [("first", None), (None, "left")]
    assert updates(heard[2]) == []
    assert updates(replayed) == [("first", None), (None, "left")]
    assert "second" not in str([frame for frame in heard[0] if frame["type"] == "schedule_update"])
    assert answer["data"] == {"acknowledged": [first, left], "unknown": [hidden]}
    assert silent_after < 4
    assert updates(later[1]) == []


async def silence(site: Site, ear: Listener) -> float:
    """Seconds until a change is heard no more; AssertionError where it always is."""
    begun = time.monotonic()
    for number in range(50):
        await change(site, f"still {number}")
        if not updates(await ear.drain_until(titled(f"still {number}"))):
            return time.monotonic() - begun
        await asyncio.sleep(0.1)
    raise AssertionError("the nurse hears everything still")

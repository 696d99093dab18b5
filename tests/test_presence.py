"""Presence over real processes: one picture everywhere, through kills, frozen ones and restarts."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from scheduler_realtime.attendance import SETTLE
from tests.conftest import OpenClustered
from tests.harness.listener import Frame, Listener
from tests.harness.site import Site

SHORT = {"WEBSOCKET_PRESENCE_GRACE": "1"}

ROWS = """
import json
rows = Connection.objects.values_list("username", flat=True)
print(json.dumps(sorted(rows)))
"""

VISITS = """
import json
rows = Presence.objects.values_list("username", "visit", "left_at")
print(json.dumps({name: [str(visit), left_at is None] for name, visit, left_at in rows}))
"""


STOOD_STILL = """
from datetime import timedelta
Node.objects.update(lease_until=timezone.now() - timedelta(seconds=60))
"""

DEVICES = """
import json
print(json.dumps(list(map(list, Connection.objects.values_list("address", "user_agent")))))
"""


async def asked(site: Site, code: str) -> Any:
    return json.loads(await asyncio.to_thread(site.shell, code))


async def becomes(ask: Callable[[], Any], expected: Any, *, within: float) -> None:
    """Ask until the answer is this one; AssertionError after so many seconds."""
    until, answer = time.monotonic() + within, None
    while time.monotonic() < until:
        answer = await ask()
        if answer == expected:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{answer} and not {expected} after {within} s")


def does(username: str, *actions: str) -> Callable[[Frame], bool]:
    return lambda frame: (
        frame["type"] == "user_presence"
        and frame["data"]["username"] == username
        and frame["data"]["action"] in actions
    )


def said(ear: Listener, username: str) -> list[str]:
    """That a user joined and left, as a socket heard it."""
    told = filter(does(username, "join", "leave"), ear.frames)
    return [frame["data"]["action"] for frame in told]


async def present(ear: Listener) -> list[str]:
    state = await ear.ask("presence")
    return sorted(user["username"] for user in state["data"]["users"])


async def test_a_user_on_two_processes_is_one_who_joins_and_leaves_once(
    clustered: OpenClustered,
) -> None:
    site = clustered("daphne", "uvicorn", env=SHORT)
    near, far = site.servers

    async with (
        site.listen("viewer", server=near) as one,
        site.listen("viewer", server=far) as two,
    ):
        for ear in (one, two):
            await ear.next("welcome")
        async with site.listen("nurse", server=near) as first:
            await first.next("welcome")
            for ear in (one, two):
                await ear.next(where=does("nurse", "join"))
            async with site.listen("nurse", server=far) as second:
                await second.next("welcome")
                await second.ask("heartbeat", {"current_page": "/rooms?patient=7"})
                for ear in (one, two):
                    moved = await ear.next(where=does("nurse", "update"))
                    assert moved["data"]["current_page"] == "/rooms"
                    assert await present(ear) == ["nurse", "viewer"]
                await becomes(
                    lambda: asked(site, ROWS), ["nurse", "nurse", "viewer", "viewer"], within=2
                )
                devices = await asked(site, DEVICES)
                assert [address for address, _ in devices] == ["127.0.0.1"] * 4
                assert all("websockets" in agent for _, agent in devices)
        for ear in (one, two):
            # A server that has just begun says of nobody that they left: they may be on their way.
            await ear.next(where=does("nurse", "leave"), timeout=SETTLE + 5)
            assert await present(ear) == ["viewer"]
            assert said(ear, "nurse") == ["join", "leave"]
            assert said(ear, "viewer").count("join") <= 1


async def test_without_redis_every_process_knows_within_seconds_who_is_here(
    clustered: OpenClustered,
) -> None:
    site = clustered("uvicorn", "uvicorn", env=SHORT)
    near, far = site.servers

    async with site.listen("viewer", server=far) as ear:
        await ear.next("welcome")
        site.redis.kill()  # type: ignore[union-attr]  # it is the site's own
        async with site.listen("nurse", server=near):
            await ear.next(where=does("nurse", "join"), timeout=4)
            assert await present(ear) == ["nurse", "viewer"]
        await ear.next(where=does("nurse", "leave"), timeout=SETTLE + 5)

    assert said(ear, "nurse") == ["join", "leave"]


async def test_a_rolling_restart_within_the_grace_makes_nobody_leave_or_join(
    clustered: OpenClustered,
) -> None:
    site = clustered("uvicorn", "uvicorn", env={"WEBSOCKET_PRESENCE_GRACE": "60"})
    near, far = site.servers

    async with contextlib.AsyncExitStack() as stack:
        ear = await stack.enter_async_context(site.listen("viewer", server=far))
        nurse = await stack.enter_async_context(site.listen("nurse", server=near))
        await ear.next(where=does("nurse", "join"))
        await nurse.ask("heartbeat", {"current_page": "/board"})
        await ear.next(where=does("nurse", "update"))
        before = await asked(site, VISITS)

        await asyncio.to_thread(near.stop)
        assert await nurse.closed() == 4512
        await becomes(lambda: asked(site, ROWS), ["viewer"], within=2)
        back = await stack.enter_async_context(site.listen("nurse", server=far))
        await becomes(lambda: asked(site, ROWS), ["nurse", "viewer"], within=2)
        await asyncio.to_thread(near.start)
        third = await stack.enter_async_context(site.listen("surgeon", server=near))
        await ear.next(where=does("surgeon", "join"))

        assert await asked(site, VISITS) | before == await asked(site, VISITS)
        assert all(is_here for _, is_here in (await asked(site, VISITS)).values())
        assert said(ear, "nurse") == ["join"]
        assert said(back, "nurse") == said(third, "nurse") == []
        assert await present(third) == ["nurse", "surgeon", "viewer"]


@pytest.mark.slow
async def test_when_everything_stood_still_for_longer_than_the_lease_nobody_leaves(
    clustered: OpenClustered,
) -> None:
    site = clustered("uvicorn", "uvicorn", env=SHORT)
    near, far = site.servers

    async with (
        site.listen("viewer", server=near) as one,
        site.listen("nurse", server=far) as two,
    ):
        await one.next(where=does("nurse", "join"))
        await becomes(lambda: asked(site, ROWS), ["nurse", "viewer"], within=2)
        for server in site.servers:
            server.freeze()
        await asyncio.to_thread(site.shell, STOOD_STILL)
        for server in site.servers:
            server.thaw()
        for server in site.servers:
            await asyncio.to_thread(server.wait_until_says, "it registers everything anew")
        async with site.listen("surgeon", server=near) as late:
            await two.next(where=does("surgeon", "join"))
            await late.next("welcome")
        for ear in (one, two):  # who is gone is found again
            await ear.next(where=does("surgeon", "leave"), timeout=15)

        assert await asked(site, ROWS) == ["nurse", "viewer"]
        assert said(two, "viewer").count("leave") == said(one, "nurse").count("leave") == 0
        assert await present(one) == await present(two) == ["nurse", "viewer"]


@pytest.mark.slow
async def test_what_a_killed_and_a_frozen_process_held_goes_and_the_thawed_one_has_it_back(
    clustered: OpenClustered,
) -> None:
    site = clustered("uvicorn", "uvicorn", "uvicorn", env=SHORT)
    living, killed, frozen = site.servers

    async with contextlib.AsyncExitStack() as stack:
        ear, dead, held, second = [
            await stack.enter_async_context(site.listen(who, server=server))
            for who, server in (
                ("viewer", living),
                ("nurse", killed),
                ("surgeon", frozen),
                ("scheduler", killed),
            )
        ]
        both = await stack.enter_async_context(site.listen("scheduler", server=living))
        for each in (ear, dead, held, second, both):
            await each.next("welcome")
        for who in ("nurse", "surgeon", "scheduler"):
            await ear.next(where=does(who, "join"))
        everybody = ["nurse", "scheduler", "scheduler", "surgeon", "viewer"]
        await becomes(lambda: asked(site, ROWS), everybody, within=2)

        frozen.freeze()
        killed.kill()
        at = time.monotonic()
        await becomes(lambda: asked(site, ROWS), ["scheduler", "viewer"], within=25)
        gone_after = time.monotonic() - at
        for who in ("nurse", "surgeon"):
            await ear.next(where=does(who, "leave"), timeout=5)
        frozen.thaw()
        await ear.next(where=does("surgeon", "join"))
        await becomes(lambda: asked(site, ROWS), ["scheduler", "surgeon", "viewer"], within=2)

        assert gone_after > 15
        assert said(ear, "nurse") == ["join", "leave"]
        assert said(ear, "surgeon") == ["join", "leave", "join"]
        assert said(ear, "scheduler") == ["join"]
        assert await present(ear) == ["scheduler", "surgeon", "viewer"]
        assert await present(held) == ["scheduler", "surgeon", "viewer"]

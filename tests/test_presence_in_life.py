"""Presence on SQLite, in one process: who is deleted, who gets a role, a kill, a file put back."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import OpenEmbedded
from tests.harness.listener import Listener
from tests.harness.roll_call import RollCall
from tests.harness.site import Site
from tests.test_presence import becomes, does, present, said
from tests.test_restores import kept_copy, move_in

pytestmark = [pytest.mark.servers, pytest.mark.slow]

NEWCOMER = """
print(User.objects.create(username="newcomer").pk)
"""

DELETED = """
User.objects.get(username="newcomer").delete()
"""

PROMOTED = """
from django.contrib.auth.models import Group
User.objects.get(username="newcomer").groups.add(Group.objects.get(name="nurse"))
"""


# Of the lease of a process that was killed.
NEARLY_OVER = """
from datetime import timedelta
Node.objects.update(lease_until=timezone.now() + timedelta(seconds=4))
"""

SOON = {"WEBSOCKET_REVALIDATE_INTERVAL": "1", "WEBSOCKET_PRESENCE_GRACE": "1"}


def asks(site: Site, path: str, read: Callable[[Any], Any]) -> Callable[[], Any]:
    """Ask REST as an administrator."""

    def ask() -> Any:
        with contextlib.closing(RollCall(site, site.server)) as call:
            return read(call.get(path))

    return lambda: asyncio.to_thread(ask)


def names(page: Any) -> list[str]:
    return sorted(row["username"] for row in page["results"])


async def test_who_is_deleted_while_connected_leaves_once_and_is_nowhere(
    embedded: OpenEmbedded,
) -> None:
    site = embedded("daphne", env=SOON)
    newcomer = int(await asyncio.to_thread(site.shell, NEWCOMER))

    async with site.listen("viewer") as ear, site.listen(newcomer) as gone:
        await ear.next(where=does("newcomer", "join"), timeout=10)
        await asyncio.to_thread(site.shell, DELETED)

        assert await gone.closed() == 4401
        await ear.next(where=does("newcomer", "leave"), timeout=20)
        for path in ("connections", "users/active"):
            await becomes(asks(site, path, names), ["viewer"], within=3)
        assert await present(ear) == ["viewer"]
        assert said(ear, "newcomer") == ["join", "leave"]


async def test_a_role_that_is_given_is_told_and_shown_everywhere(
    embedded: OpenEmbedded,
) -> None:
    site = embedded("uvicorn", env=SOON)
    newcomer = int(await asyncio.to_thread(site.shell, NEWCOMER))
    by_role = asks(site, "statistics", lambda told: told["by_role"])
    roles = asks(
        site,
        "users/active",
        lambda page: {row["username"]: (row["role"], row["roles"]) for row in page["results"]},
    )

    async with site.listen("viewer") as ear, site.listen(newcomer):
        await ear.next(where=does("newcomer", "join"), timeout=10)
        await becomes(by_role, {"viewer": 1}, within=3)
        await asyncio.to_thread(site.shell, PROMOTED)

        update = await ear.next(where=does("newcomer", "update"))
        await becomes(by_role, {"nurse": 1, "viewer": 1}, within=3)
        assert update["data"]["role"] == "nurse"
        assert (await roles())["newcomer"] == ("nurse", ["nurse"])
        assert said(ear, "newcomer") == ["join"]


async def test_after_kill_9_whoever_comes_back_has_never_left(embedded: OpenEmbedded) -> None:
    site = embedded(env={"WEBSOCKET_PRESENCE_GRACE": "20"})
    connections = asks(site, "connections", names)
    async with site.listen("viewer") as ear, site.listen("nurse") as nurse:
        await ear.next(where=does("nurse", "join"))
        await becomes(connections, ["nurse", "viewer"], within=3)
        site.server.kill()
        await nurse.closed()
    await asyncio.to_thread(site.shell, NEARLY_OVER)
    await asyncio.to_thread(site.server.start)

    async with site.listen("viewer") as ear, site.listen("nurse"):
        await becomes(connections, ["nurse", "nurse", "viewer", "viewer"], within=2)
        await becomes(connections, ["nurse", "viewer"], within=10)
        await becomes(asks(site, "statistics", lambda told: len(told["by_node"])), 1, within=1)

        assert await present(ear) == ["nurse", "viewer"]
        assert said(ear, "nurse") == said(ear, "viewer") == []


async def test_a_file_that_is_put_back_says_within_a_round_who_is_here_now(
    embedded: OpenEmbedded,
) -> None:
    site = embedded(env={"WEBSOCKET_PRESENCE_GRACE": "1"})
    connections, active = asks(site, "connections", names), asks(site, "users/active", names)

    async with contextlib.AsyncExitStack() as stack:
        ear: Listener = await stack.enter_async_context(site.listen("viewer"))
        async with site.listen("surgeon"):
            await becomes(connections, ["surgeon", "viewer"], within=3)
            copy = await asyncio.to_thread(kept_copy, site)
        await stack.enter_async_context(site.listen("nurse"))
        await becomes(connections, ["nurse", "viewer"], within=3)
        site.console.kill()
        await asyncio.to_thread(move_in, site, copy)

        await ear.next("resync", timeout=15)
        await becomes(connections, ["nurse", "viewer"], within=3)
        assert await active() == ["nurse", "viewer"]
        await ear.next(where=does("surgeon", "leave"), timeout=10)
        assert await present(ear) == ["nurse", "viewer"]

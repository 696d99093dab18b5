"""500 users with 1,200 sockets on two processes: the tables agree with the truth, come what may."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from typing import Any

import pytest

from tests.conftest import OpenClustered
from tests.harness.listener import Listener
from tests.harness.site import Site
from tests.harness.throng import Throng

pytestmark = pytest.mark.slow

USERS = 500
SOCKETS = 1200
INTERVAL = 3.0
"""Seconds until what sockets did is in the tables: a batch and, where the layer lost it, a look."""

GRACE = 10.0
LEASE_AND_ROUND = 25.0

ENV = {"WEBSOCKET_MAX_CONNECTIONS": "2000", "WEBSOCKET_CONNECTION_TIMEOUT": "600"}

PEOPLE = """
import json
users = User.objects.bulk_create([User(username=f"person {{n}}") for n in range({count})])
print(json.dumps([user.pk for user in users]))
"""

SAID = """
import json
from collections import Counter
witness = {witness}
sockets = Connection.objects.exclude(user=witness).values_list("user_id", flat=True)
here = Presence.objects.exclude(user=witness).values_list("user_id", flat=True)
print(json.dumps([sorted(Counter(sockets).items()), sorted(here)]))
"""


class Scene:
    """A throng on the servers of a site, and somebody who hears who comes and goes."""

    def __init__(self, site: Site, witness: Listener) -> None:
        self.site, self.witness, self.throng = site, witness, Throng()

    async def said(self) -> tuple[dict[int, int], set[int]]:
        """What the server says: how many sockets each user has, and who is here."""
        code = SAID.format(witness=self.site.users["admin"])
        sockets, here = json.loads(await asyncio.to_thread(self.site.shell, code))
        return dict(map(tuple, sockets)), set(here)

    async def agrees(self, *, within: float, grace: float = 0) -> float:
        """Wait until the sockets are the true ones, and, the grace later, the users as well.

        Returns after how many seconds the sockets were.
        """
        began, truth, agreed = time.monotonic(), self.throng.by_user(), None
        while True:
            sockets, here = await self.said()
            after = time.monotonic() - began
            if sockets != truth:
                assert after < within, f"{wrong(sockets, truth)} after {after:.1f} s"
            else:
                agreed = after if agreed is None else agreed
                if here == truth.keys():
                    return agreed
                assert here > truth.keys(), f"{truth.keys() - here} are not said to be here"
                assert after < within + grace, f"{here - truth.keys()} are here after {after:.1f} s"
            await asyncio.sleep(0.2)

    async def hears(self, action: str, users: set[int], *, within: float) -> None:
        """Wait until the witness has heard exactly these do that, once each since the last time."""
        until = time.monotonic() + within
        while set(self._heard(action)) < users and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        assert self._heard(action) == Counter(users)
        self.witness.frames.clear()

    def _heard(self, action: str) -> Counter[int]:
        told = [each["data"] for each in self.witness.frames if each["type"] == "user_presence"]
        assert all(data["action"] in {action, "update"} for data in told), told[-1]
        return Counter(data["user_id"] for data in told if data["action"] == action)


def wrong(said: dict[int, int], truth: dict[int, int]) -> dict[int, Any]:
    users = sorted(said.keys() | truth.keys())
    return {
        user: (said.get(user), truth.get(user))
        for user in users
        if said.get(user) != truth.get(user)
    }


async def test_what_is_said_of_1200_sockets_is_true_through_kills_and_restarts(
    clustered: OpenClustered, capsys: pytest.CaptureFixture[str]
) -> None:
    site = clustered("uvicorn", "uvicorn", env=ENV)
    killed, living = site.servers
    users = json.loads(await asyncio.to_thread(site.shell, PEOPLE.format(count=USERS)))
    only_killed, leaving, fewer = users[::5], users[1::10], users[2::10]

    async with contextlib.AsyncExitStack() as stack:
        witness = await stack.enter_async_context(site.listen("admin", server=living))
        own = {"user_id": site.users["admin"], "action": "join"}
        await witness.next(
            "user_presence", where=lambda frame: own.items() <= frame["data"].items()
        )
        witness.frames.clear()
        scene = Scene(site, witness)
        stack.callback(lambda: [socket.close() for socket in scene.throng.sockets])

        places = [(users[n % USERS], site.servers[(n + n // USERS) % 2]) for n in range(SOCKETS)]
        await scene.throng.open(
            (user, killed if user in only_killed else server) for user, server in places
        )
        await scene.agrees(within=INTERVAL)
        await scene.hears("join", set(users), within=20)

        await scene.throng.close(lambda each: each.user in leaving)
        await scene.throng.close(lambda each: each.user in fewer and each.server is living)
        await scene.agrees(within=INTERVAL, grace=GRACE)
        await scene.hears("leave", set(leaving), within=INTERVAL)

        killed.kill()
        at = time.monotonic()
        lost = await scene.throng.lost(lambda each: each.server is killed)
        gone_after = await scene.agrees(within=LEASE_AND_ROUND, grace=GRACE + 1)
        left = {each.user for each in lost} - scene.throng.by_user().keys()
        await scene.hears("leave", left, within=at + 36 - time.monotonic())
        with capsys.disabled():
            print(  # noqa: T201 - it is asked for
                f"\nkilled: {len(lost)} sockets gone after {gone_after:.1f} s, {len(left)} users"
                f" said to leave by {time.monotonic() - at:.1f} s"
            )

        await asyncio.to_thread(killed.start)
        await scene.throng.open((each.user, killed) for each in lost)
        await scene.agrees(within=INTERVAL)
        await scene.hears("join", left, within=20)

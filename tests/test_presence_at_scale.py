"""500 users with 1,200 sockets on two processes: REST agrees with the truth, come what may."""

import asyncio
import contextlib
import itertools
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field

import pytest

from tests.conftest import OpenClustered
from tests.harness.app_server import AppServer
from tests.harness.listener import Listener
from tests.harness.roll_call import UNTHROTTLED, Picture, RollCall
from tests.harness.site import Site
from tests.harness.throng import Socket, Throng

pytestmark = pytest.mark.slow

USERS = 500
SOCKETS = 1200
INTERVAL = 3.0
"""Seconds until what sockets did is in the tables: a batch and, where the layer lost it, a look."""

GRACE = 10.0
LEASE_AND_ROUND = 25.0
LEAVES_WITHIN = 36.0

ROLES = ("nurse", "surgeon", "viewer")

ENV = {"WEBSOCKET_MAX_CONNECTIONS": "2000", "WEBSOCKET_CONNECTION_TIMEOUT": "600"} | UNTHROTTLED

PEOPLE = """
import json
from django.contrib.auth.models import Group
users = User.objects.bulk_create([User(username=f"person {{n}}") for n in range({count})])
groups = [Group.objects.get(name=name) for name in {roles}]
User.groups.through.objects.bulk_create(
    User.groups.through(user=user, group=groups[n % len(groups)]) for n, user in enumerate(users)
)
print(json.dumps([user.pk for user in users]))
"""


@dataclass
class Scene:
    """A throng on two servers, and an administrator who hears who comes and goes on the second."""

    site: Site
    users: list[int]
    witness: Listener
    throng: Throng = field(default_factory=Throng)

    def truth(self) -> Picture:
        """Of the sockets that there are, the administrator's own among them."""
        by_user = self.throng.by_user() | {self.site.users["admin"]: 1}
        by_process = Counter(each.server.pid for each in self.throng.sockets)
        by_process[self.site.servers[1].pid] += 1
        processes = {each.pid: by_process[each.pid] for each in self.site.servers if each.alive}
        roles = Counter(
            ROLES[self.users.index(user) % len(ROLES)] for user in self.throng.by_user()
        )
        return Picture(by_user=by_user, by_process=processes, by_role=dict(roles | {"admin": 1}))

    async def agrees(self, *, within: float, before: Picture | None = None) -> float:
        """Wait until every living server says what is true; return after how many seconds.

        Whoever is asked later than `within` must say so. Where it is told what was said `before`,
        nothing else may be said meanwhile: pages that are read one after the other may stand on
        both sides of the moment, but only once.
        """
        began, truth, true, torn = time.monotonic(), self.truth(), 0, 0
        with contextlib.ExitStack() as stack:
            living = [RollCall(self.site, each) for each in self.site.servers if each.alive]
            for each in living:
                stack.callback(each.close)
            for call in itertools.cycle(living):
                after = time.monotonic() - began
                said, fault = await asyncio.to_thread(_said, call)
                true = true + 1 if said == truth else 0
                if true == len(living):
                    return after
                torn = torn + 1 if said not in (before, truth) else 0
                is_late = (after > within and not true) or (before is not None and torn > 1)
                assert not is_late, f"{fault or wrong(said, truth)} after {after:.1f} s"
        raise AssertionError("nobody lives")

    async def hears(self, action: str, users: set[int], *, within: float) -> None:
        """Wait until the witness has heard exactly these do that, once each since the last time."""
        until = time.monotonic() + within
        while set(self.heard(action)) < users and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        assert self.heard(action) == Counter(users)
        self.witness.frames.clear()
        state = await self.witness.ask("presence")
        assert {user["user_id"] for user in state["data"]["users"]} == self.truth().by_user.keys()

    def heard(self, action: str) -> Counter[int]:
        """Who did that; AssertionError where anybody did anything else but look at something."""
        told = [each["data"] for each in self.witness.frames if each["type"] == "user_presence"]
        assert all(data["action"] in {action, "update"} for data in told), told[-1]
        return Counter(data["user_id"] for data in told if data["action"] == action)


def wrong(said: Picture | None, truth: Picture) -> list[str]:
    """What is said that is not true, and the truth of it."""
    found = []
    for name, true in asdict(truth).items():
        told = getattr(said, name)
        differ = [key for key in told.keys() | true.keys() if told.get(key) != true.get(key)]
        found += [f"{name} {key}: {told.get(key)} for {true.get(key)}" for key in differ[:20]]
    return found


def _said(call: RollCall) -> tuple[Picture | None, AssertionError | None]:
    try:
        return call.picture(), None
    except AssertionError as fault:
        return None, fault


@pytest.fixture
async def scene(clustered: OpenClustered) -> AsyncIterator[Scene]:
    """Nobody but the witness is here."""
    site = clustered("uvicorn", "uvicorn", env=ENV)
    code = PEOPLE.format(count=USERS, roles=ROLES)
    users = json.loads(await asyncio.to_thread(site.shell, code))
    own = {"user_id": site.users["admin"], "action": "join"}
    async with site.listen("admin", server=site.servers[1]) as witness:
        await witness.next(
            "user_presence", where=lambda frame: own.items() <= frame["data"].items()
        )
        witness.frames.clear()
        scene = Scene(site, users, witness)
        yield scene
        for socket in scene.throng.sockets:
            socket.close()


async def test_what_is_said_of_1200_sockets_is_true_through_kills_and_restarts(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    first, living = scene.site.servers
    only_first, leaving, fewer = scene.users[::5], scene.users[1::10], scene.users[2::10]

    places = [
        (scene.users[n % USERS], (first, living)[(n + n // USERS) % 2]) for n in range(SOCKETS)
    ]
    await scene.throng.open(
        (user, first if user in only_first else server) for user, server in places
    )
    await scene.agrees(within=INTERVAL)
    await scene.hears("join", set(scene.users), within=20)

    await scene.throng.close(lambda each: each.user in leaving)
    await scene.throng.close(lambda each: each.user in fewer and each.server is living)
    await scene.agrees(within=INTERVAL)
    await scene.hears("leave", set(leaving), within=GRACE + INTERVAL)

    await restart(scene, first, refuge=living)
    lost, left, told = await kill(scene, first)
    with capsys.disabled():
        print(f"\nkilled: {told}")  # noqa: T201 - it is asked for

    await asyncio.to_thread(first.start)
    await scene.throng.open((each.user, first) for each in lost)
    await scene.agrees(within=INTERVAL)
    await scene.hears("join", left, within=20)


async def restart(scene: Scene, server: AppServer, *, refuge: AppServer) -> None:
    """End a server politely: its clients go to the other one, and home once it is back."""
    ending = asyncio.create_task(asyncio.to_thread(server.stop))
    moved = await scene.throng.lost(lambda each: each.server is server)
    await scene.throng.open((each.user, refuge) for each in moved)
    await ending
    await scene.agrees(within=INTERVAL)

    await asyncio.to_thread(server.start)
    guests = set(scene.throng.sockets[-len(moved) :])
    await scene.throng.open((each.user, server) for each in moved)
    await scene.throng.close(guests.__contains__)
    await scene.agrees(within=INTERVAL)


async def kill(scene: Scene, server: AppServer) -> tuple[list[Socket], set[int], str]:
    """Kill a server: its sockets are there until its lease ends, in every answer, and in none then.

    Returns the sockets that were lost, the users who left by it, and how long it took.
    """
    before = scene.truth()
    server.kill()
    at = time.monotonic()
    lost = await scene.throng.lost(lambda each: each.server is server)
    gone_after = await scene.agrees(within=LEASE_AND_ROUND, before=before)
    assert not scene.heard("leave"), "what happened before the kill has made somebody leave"

    left = {each.user for each in lost} - scene.throng.by_user().keys()
    await scene.hears("leave", left, within=at + LEAVES_WITHIN - time.monotonic())
    left_after = time.monotonic() - at
    told = f"{len(lost)} sockets gone after {gone_after:.1f} s, {len(left)} users said to leave by"
    return lost, left, f"{told} {left_after:.1f} s"

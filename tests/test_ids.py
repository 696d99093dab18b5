"""Ids of others: whatever of theirs is named in a URL or a frame, it answers as if it were not there."""

import asyncio
import base64
import json
import re
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse

from scheduler_realtime import (
    broadcast_conflict_notification,
    broadcast_optimization_progress,
    send_system_notification,
)
from scheduler_realtime.api import urls
from scheduler_realtime.models import Message, OptimizationRun, Receipt
from scheduler_realtime.testing import pump
from tests.harness.desk import ask, node, person, read, socket
from tests.harness.site import Site

pytestmark = pytest.mark.sqlite_only

PATH_ID = re.compile(r"\(\?P<|<\w+:?\w*>")


@dataclass(frozen=True)
class Naming:
    """A call whose path names something: of theirs, or, as `none`, of nobody's.

    `stranger` is what anybody gets who has nothing to do with it; `permission` the one whose
    holders get `holder`, be it theirs or not. `owner` is what they get themselves.
    """

    method: str
    path: str
    none: str
    stranger: int
    owner: int
    permission: str | None = None
    holder: int | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


TABLE = [
    Naming("GET", "connections/user/{user}", "999999", 404, 200, "view_connection", 200),
    Naming("DELETE", "connections/{socket}", str(uuid.UUID(int=0)), 403, 403, "delete_connection", 204),
    Naming("POST", "messages/{position}/ack", "999999", 404, 200),
    Naming("GET", "messages/{position}/receipts", "999999", 403, 403, "view_receipt", 200),
    # To hold the permission is not enough: one has to have been told of the run.
    Naming("POST", "optimizations/{run}/cancel", "none", 403, 403, "cancel_optimization", 404),
]  # fmt: skip
"""Every path with an id in it. Another one is another line here."""

by_name = pytest.mark.parametrize("naming", TABLE, ids=str)


@pytest.fixture
def theirs(db: None, unthrottled: None) -> dict[str, Any]:
    """Somebody with a socket, a message, a run and a conflict that nobody else was told of."""
    owner = person("owner")
    send_system_notification(title="theirs", message="m", users=[owner])
    broadcast_optimization_progress(optimization_id="run", progress_percentage=1, users=[owner])
    for room in (1, 2):
        broadcast_conflict_notification(
            conflict_id=f"c{room}",
            conflict_type="room",
            severity="error",
            description="theirs",
            users=[owner],
        )
    pump()
    position = Message.objects.get(type="system_notification").position
    return {
        "owner": owner,
        "user": owner.pk,
        "socket": socket(owner, node()).pk,
        "position": position,
        "run": "run",
    }


def call(naming: Naming, who: User, **ids: Any) -> HttpResponse:
    return ask(naming.method, naming.path.format(**ids), who=who)


def absent(naming: Naming) -> dict[str, str]:
    return dict.fromkeys(("user", "socket", "position", "run"), naming.none)


def test_every_path_with_an_id_is_in_the_table() -> None:
    routes = {
        (method.upper(), str(route.pattern))
        for route in urls.urlpatterns
        if PATH_ID.search(str(route.pattern))
        for method in route.callback.actions
        if method != "head"
    }
    sample = {"user": 1, "socket": uuid.uuid4(), "position": 1, "run": "run"}

    asked = {
        (naming.method, str(route.pattern))
        for route in urls.urlpatterns
        for naming in TABLE
        if route.pattern.match(naming.path.format(**sample))
    }

    assert routes
    assert asked == routes


@by_name
def test_who_has_nothing_to_do_with_it_is_not_told_that_it_is_there(
    naming: Naming, theirs: dict[str, Any]
) -> None:
    stranger = person("stranger")

    there = call(naming, stranger, **theirs)
    not_there = call(naming, stranger, **absent(naming))

    assert there.status_code == not_there.status_code == naming.stranger
    assert there.content == not_there.content
    assert not Receipt.objects.exists()
    assert not OptimizationRun.objects.exclude(cancel_asked_at=None).exists()
    assert not Message.objects.filter(type="control").exists()


@by_name
def test_whose_it_is_gets_it_as_far_as_anybody_does(naming: Naming, theirs: dict[str, Any]) -> None:
    assert call(naming, theirs["owner"], **theirs).status_code == naming.owner


@pytest.mark.parametrize("naming", [n for n in TABLE if n.permission], ids=str)
def test_a_permission_gives_what_it_says_and_no_other_one_does(
    naming: Naming, theirs: dict[str, Any]
) -> None:
    others = {n.permission for n in TABLE if n.permission} - {naming.permission}
    holder, other = person("holder", str(naming.permission)), person("other", *map(str, others))

    assert call(naming, other, **theirs).status_code == naming.stranger
    assert call(naming, holder, **theirs).status_code == naming.holder


# Ids beside the path: in a query, and in a cursor.


@pytest.mark.parametrize(
    "query",
    [
        "",
        "date=2026-01-01",
        "room=1",
        "room=1%27%20OR%201=1",
        "conflict_id=c1",
        "user=1",
        "status=open",
        "groups=everyone",
    ],
)
def test_no_filter_opens_conflicts_of_others(query: str, theirs: dict[str, Any]) -> None:
    answer = ask("GET", f"conflicts?{query}", who=person("stranger"))

    assert answer.status_code == 400 or read(answer)["results"] == []


@pytest.mark.parametrize("path", ["conflicts", "optimizations"])
@pytest.mark.parametrize(
    "text",
    [
        "p=2030-01-01+00%3A00%3A00%2B00%3A00",
        "r=1&p=2000-01-01+00%3A00%3A00%2B00%3A00",
        "o=0&p=999999",
        "o=99999999999999999999",
        "p=%00",
        "p=' OR 1=1 --",
    ],
)
def test_a_cursor_that_was_made_up_opens_nothing(
    path: str, text: str, theirs: dict[str, Any]
) -> None:
    cursor = quote(base64.b64encode(text.encode()).decode())

    answer = ask("GET", f"{path}?cursor={cursor}", who=person("stranger"))

    assert answer.status_code in {200, 400, 404}, answer.content
    assert answer.status_code != 200 or read(answer)["results"] == []


@pytest.mark.parametrize("query", ["user={user}", "user={user}&role=", "current_page=%2F"])
def test_no_filter_opens_connections_of_others(query: str, theirs: dict[str, Any]) -> None:
    answer = ask("GET", f"connections?{query.format(**theirs)}", who=person("stranger"))

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        {"after": 0},
        {"after": 0, "type": "system_notification"},
        {"after": 0, "limit": 500},
        {"after": 0, "users": 1},
        {"type": "control"},
    ],
)
def test_no_position_opens_messages_of_others(
    query: dict[str, Any], theirs: dict[str, Any]
) -> None:
    stranger = ask("GET", f"messages?{urlencode(query)}", who=person("stranger"))
    owner = ask("GET", f"messages?{urlencode(query)}", who=theirs["owner"])

    assert read(stranger)["results"] == []
    assert bool(read(owner)["results"]) is (query.get("type") != "control")


def test_each_of_two_has_theirs_behind_the_other_ones_position(theirs: dict[str, Any]) -> None:
    mine = person("mine")
    send_system_notification(title="mine", message="m", users=[mine])
    pump()
    path = f"messages?after={theirs['position'] - 1}"

    titles = [
        {frame["data"].get("title") for frame in read(ask("GET", path, who=who))["results"]}
        for who in (mine, theirs["owner"])
    ]

    assert titles[0] == {"mine"}
    assert "mine" not in titles[1]


# On the socket.

TELL = """
from django.contrib.auth.models import User
from scheduler_realtime import broadcast_optimization_progress, send_system_notification
from scheduler_realtime import log
from tests.harness import pristine
surgeon, viewer = (User.objects.get(username=name) for name in ("surgeon", "viewer"))
before = log.state().head
send_system_notification(title="theirs", message="m", users=[surgeon], ack_required=True)
broadcast_optimization_progress(optimization_id="their run", progress_percentage=1, users=[surgeon])
send_system_notification(title="all", message="m")
pristine.settle()
print(before)
"""


async def test_on_a_socket_nothing_of_others_is_heard_acknowledged_or_stopped(
    embedded_site: Site,
) -> None:
    site = embedded_site
    before = int(await asyncio.to_thread(site.shell, TELL))
    theirs = before + 1
    async with site.listen("viewer") as first:
        epoch = (await first.next("welcome"))["data"]["epoch"]

    params = {"since": str(before), "epoch": epoch}
    async with site.listen("viewer", params=params) as ear:
        heard = await ear.drain_until(lambda frame: frame["type"] == "caught_up")
        narrowed = await ear.ask("subscribe", {"types": ["system_notification"], "rooms": [1]})
        answers = [
            await ear.ask("ack", {"ids": [theirs, theirs + 1, 10**9]}),
            await ear.ask("heartbeat", {"position": theirs}),
        ]
        await ear.send({"type": "cancel_optimization", "data": {"optimization_id": "their run"}})
        refusals = [await ear.next("error")]
        await ear.send({"type": "cancel_optimization", "data": {"optimization_id": "no run"}})
        refusals.append(await ear.next("error"))
        late = await ear.drain_by_asking()
    receipts = await asyncio.to_thread(
        site.shell, "from scheduler_realtime.models import Receipt; print(Receipt.objects.count())"
    )

    titles = [frame["data"].get("title") for frame in heard + late if "id" in frame]
    assert titles == ["all"]
    assert narrowed["type"] == "subscribed"
    assert answers[0]["data"] == {
        "acknowledged": [],
        "unknown": sorted([theirs, theirs + 1, 10**9]),
    }
    assert [each["data"] for each in refusals] == [refusals[0]["data"]] * 2
    assert receipts == "0"
    assert "theirs" not in json.dumps(heard + late)

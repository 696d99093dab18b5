"""Connections and users over REST: who is here, as far as the caller may know."""

import base64
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from scheduler_realtime.models import Connection, Message, Node
from tests.harness import desk
from tests.harness.desk import ask, node, person, presence, read, socket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]


@pytest.fixture
def boss() -> User:
    return person("boss", "view_connection", "delete_connection")


@pytest.fixture
def nurse() -> User:
    return person("nurse", roles=["nurse", "Ärztin"])


@pytest.fixture
def here() -> Node:
    return node("alpha", 7)


def shown(who: User, path: str = "connections") -> list[dict[str, Any]]:
    answer = ask("GET", path, who=who)
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = read(answer)["results"]
    return results


def usernames(who: User, path: str = "connections") -> list[str]:
    return [each["username"] for each in shown(who, path)]


@pytest.mark.parametrize("path", ["connections", "connections/"])
def test_a_connection_is_shown_without_its_address_and_browser(
    boss: User, nurse: User, here: Node, path: str
) -> None:
    row = socket(nurse, here, current_page="/board", address="10.0.0.1", user_agent="Mozilla")

    (found,) = shown(boss, path)

    moments = {found.pop("connected_at"), found.pop("last_seen_at")}
    assert all(moment.endswith("Z") for moment in moments)
    assert found == {
        "connection_id": str(row.pk),
        "user_id": nurse.pk,
        "username": "nurse",
        "roles": ["nurse", "Ärztin"],
        "node": "alpha:7",
        "current_page": "/board",
        "active_schedule_date": None,
    }


def test_the_newest_connection_comes_first(boss: User, nurse: User, here: Node) -> None:
    socket(nurse, here, age=60)
    socket(boss, here, age=1)
    socket(nurse, here, age=30)

    assert usernames(boss) == ["boss", "nurse", "nurse"]


def test_what_a_dead_node_had_is_gone(boss: User, nurse: User, here: Node) -> None:
    socket(nurse, node(pid=2, lease=-1))
    socket(boss, here)

    assert usernames(boss) == ["boss"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("user={nurse}", ["nurse"]),
        ("role=nurse", ["nurse"]),
        ("role=%C3%84rztin", ["nurse"]),
        ("role=Nurse", []),
        ("role=nurs", []),
        ("role=%25", []),
        ("node=alpha:7", ["boss"]),
        ("node=alpha:8", []),
        ("current_page=/board", ["nurse"]),
        ("current_page=/BOARD", []),
        ("user={nurse}&current_page=/", []),
        ("user=&role=&node=&current_page=", ["boss", "nurse"]),
    ],
)
def test_connections_are_filtered(
    boss: User, nurse: User, here: Node, query: str, expected: list[str]
) -> None:
    socket(nurse, node("beta", 7), age=5, current_page="/board")
    socket(boss, here)

    assert usernames(boss, "connections?" + query.format(nurse=nurse.pk)) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user", "x"),
        ("user", "9" * 30),
        ("user", "%00"),
        ("node", "alpha"),
        ("node", "alpha:x"),
        ("node", ":7"),
        ("node", "alpha:" + "9" * 10),
        ("role", "r" * 151),
        ("role", "%00"),
        ("current_page", "p" * 201),
    ],
)
def test_a_bad_filter_is_refused_by_its_name(boss: User, name: str, value: str) -> None:
    answer = ask("GET", f"connections?{name}={value}", who=boss)

    assert (answer.status_code, set(read(answer))) == (400, {name})


def test_pages_hold_everybody_once_though_all_came_at_one_moment(boss: User, here: Node) -> None:
    moment = timezone.now()
    facts = {"user": boss, "node": here, "connected_at": moment, "last_seen_at": moment}
    Connection.objects.bulk_create([Connection(username=f"{n}", **facts) for n in range(250)])
    found: list[str] = []
    path: str | None = "connections"

    while path is not None:
        page = read(ask("GET", path, who=boss))
        found += [each["connection_id"] for each in page["results"]]
        path = page["next"] and page["next"].partition("/api/ws/")[2]

    assert len(found) == len(set(found)) == 250


@pytest.mark.parametrize("cursor", [b"p=x", b"p=%00", b"o=x", b"p=9999999-01-01", b"\xff", b"r=1"])
@pytest.mark.parametrize("path", ["connections", "users/active", "conflicts", "optimizations"])
def test_a_cursor_that_was_tampered_with_is_no_error_of_ours(
    boss: User, path: str, cursor: bytes
) -> None:
    text = base64.b64encode(cursor).decode()

    answer = ask("GET", f"{path}?cursor={text}", who=boss)

    assert answer.status_code in {200, 404}
    assert read(answer)


# One user's.


def test_ones_own_connections_are_for_anybody(boss: User, nurse: User, here: Node) -> None:
    row = socket(nurse, here)
    socket(boss, here)

    (found,) = shown(nurse, f"connections/user/{nurse.pk}/")

    assert found["connection_id"] == str(row.pk)


def test_anothers_connections_cannot_be_told_from_nobodys(
    boss: User, nurse: User, here: Node
) -> None:
    socket(boss, here)

    answers = [
        ask("GET", f"connections/user/{key}", who=nurse)
        for key in (boss.pk, 10**6, "9" * 30, "nobody", "%00")
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_a_holder_sees_anybodys_and_of_an_unknown_user_none(
    boss: User, nurse: User, here: Node
) -> None:
    socket(nurse, here)

    assert usernames(boss, f"connections/user/{nurse.pk}") == ["nurse"]
    for key in (10**6, "nobody", "9" * 30, "%00"):
        assert usernames(boss, f"connections/user/{key}") == []


# Closing one.


@pytest.mark.parametrize("slash", ["", "/"])
def test_closing_a_connection_writes_an_order_and_a_line(
    boss: User, nurse: User, here: Node, slash: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = socket(nurse, here, address="10.0.0.1")
    caplog.set_level("INFO", "scheduler_realtime")

    answer = ask("DELETE", f"connections/{row.pk}{slash}", who=boss)

    order = Message.objects.get(type="control")
    assert (answer.status_code, answer.content) == (204, b"")
    assert order.body == f'{{"order":"disconnect","connections":["{row.pk}"]}}'
    assert order.groups == "[]"
    assert [record.getMessage() for record in caplog.records] == [
        f"User {boss.pk!r} disconnected the socket {row.pk}."
    ]


def test_to_close_ones_own_connection_takes_the_permission_too(nurse: User, here: Node) -> None:
    row = socket(nurse, here)

    assert ask("DELETE", f"connections/{row.pk}", who=nurse).status_code == 403
    assert not Message.objects.exists()


def test_a_connection_that_is_gone_is_not_found(boss: User, nurse: User) -> None:
    dead = socket(nurse, node(lease=-1))

    for key in (dead.pk, "00000000-0000-4000-8000-000000000000", "x", "%00"):
        answer = ask("DELETE", f"connections/{key}", who=boss)
        assert (answer.status_code, set(read(answer))) == (404, {"detail"})
    assert not Message.objects.exists()


# Who is here.


def test_a_user_with_many_sockets_is_one_line(nurse: User, here: Node) -> None:
    latest = socket(nurse, here, age=1)
    for age in (30, 60):
        socket(nurse, here, age=age)
    socket(nurse, node(pid=2, lease=-1))
    facts = {"current_page": "/board", "active_schedule_date": "2026-01-15"}
    stay = presence(nurse, latest.pk, roles='["nurse","\u00c4rztin"]', **facts)

    (found,) = shown(nurse, "users/active")

    assert found.pop("since") == desk.utc(stay.joined_at)
    assert found.pop("last_seen_at") == desk.utc(latest.last_seen_at)
    assert found == facts | {
        "user_id": nurse.pk,
        "username": "nurse",
        "role": "nurse",
        "roles": ["nurse", "Ärztin"],
        "connections": 3,
        "connection_id": str(latest.pk),
    }


def test_who_has_left_or_was_on_a_dead_node_is_not_here(
    boss: User, nurse: User, here: Node
) -> None:
    socket(boss, here)
    socket(nurse, here)
    presence(boss, left_at=timezone.now())
    presence(nurse)
    lost = person("lost")
    socket(lost, node(pid=2, lease=-1))
    presence(lost)

    assert usernames(nurse, "users/active/") == ["nurse"]
    assert shown(nurse, "users/active")[0]["role"] is None

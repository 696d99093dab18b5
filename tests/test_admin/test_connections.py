"""Live connections in the admin: who is where, and how an administrator ends it."""

import json
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from scheduler_realtime.messages import CONTROL
from scheduler_realtime.models import Connection, Message, Node

from .conftest import Enter, connect, make_node, page

LIST = "scheduler_realtime/connection/"
EDGE = "Mozilla/5.0 (Windows NT 10.0) Chrome/128.0 Safari/537.36 Edg/128.0"


def ask_to_disconnect(client: Client, *rows: Connection, **more: str) -> Any:
    ids = [str(row.pk) for row in rows]
    data = {"action": "disconnect", "_selected_action": ids} | more
    return client.post(f"/admin/{LIST}", data)


def ordered() -> list[Any]:
    return [json.loads(row.body) for row in Message.objects.filter(type=CONTROL)]


def test_only_connections_of_nodes_that_live_are_listed(
    enter: Enter, nurses: list[User], node: Node
) -> None:
    connect(node, nurses[0])
    connect(make_node(lease=-1, hostname="dead"), nurses[1])

    text = page(enter("view_connection"), LIST)

    assert "nurse0" in text
    assert "nurse1" not in text
    assert "dead" not in text


def test_a_connection_tells_where_somebody_is_and_with_what(
    enter: Enter, nurses: list[User], node: Node
) -> None:
    facts = {"roles": '["nurse","night"]', "current_page": "/rooms", "address": "10.1.2.3"}
    connect(node, nurses[0], user_agent=EDGE, active_schedule_date="2026-01-15", **facts)

    text = page(enter("view_connection"), LIST)

    for told in ("nurse, night", "/rooms", "10.1.2.3", "2026-01-15", "web:7", "Edge 128, Windows"):
        assert told in text


def test_filters_find_by_node_by_role_and_by_page(
    enter: Enter, nurses: list[User], node: Node
) -> None:
    connect(node, nurses[0], roles='["nurse"]', current_page="/a")
    connect(make_node(pid=8), nurses[1], roles='["nurses","Nurse"]', current_page="/b")
    client = enter("view_connection")

    for query in ({"node": node.pk}, {"page": "/a"}, {"role": "nurse"}, {"q": "nurse0"}):
        text = page(client, LIST, **query)

        assert "field-person" in text, query
        assert ">nurse0<" in text, query
        assert ">nurse1<" not in text, query


def test_to_disconnect_asks_first_and_names_who_is_meant(
    enter: Enter, nurses: list[User], node: Node
) -> None:
    rows = [connect(node, nurses[0]), connect(node, nurses[0]), connect(node, nurses[1])]

    answer = ask_to_disconnect(enter("view_connection", "delete_connection"), *rows)

    text = answer.content.decode()
    assert "2 people will be disconnected" in text
    assert "nurse0 (2 connections)" in text
    assert "nurse1" in text
    assert "nurse2" not in text
    assert ordered() == []


def test_a_confirmed_disconnection_is_ordered_and_stands_in_the_admin_log(
    enter: Enter, nurses: list[User], node: Node
) -> None:
    row, other = connect(node, nurses[0]), connect(node, nurses[1])
    client = enter("view_connection", "delete_connection")

    answer = ask_to_disconnect(client, row, confirmed="yes")

    assert answer.status_code == 302
    assert ordered() == [{"order": "disconnect", "connections": [str(row.pk)]}]
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("ada", str(row.pk))
    assert "nurse0" in entry.object_repr
    assert Connection.objects.filter(pk=other.pk).exists()


def test_who_may_only_look_disconnects_nobody(enter: Enter, nurses: list[User], node: Node) -> None:
    row = connect(node, nurses[0])

    ask_to_disconnect(enter("view_connection"), row, confirmed="yes")

    assert ordered() == []
    assert not LogEntry.objects.exists()

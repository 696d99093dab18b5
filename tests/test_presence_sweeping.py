"""Sweeping: dead nodes and whoever is gone, found by any node and said by one."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from scheduler_realtime import clock, presence
from scheduler_realtime.models import Connection, Node, Presence
from tests.harness.attending import Desk, gone_for, here, socket
from tests.harness.fake_hub import attached

pytestmark = pytest.mark.django_db


def test_who_is_gone_for_longer_than_the_grace_is_said_to_leave_once() -> None:
    desk = Desk()
    visit = desk.open(1, 2).here[0].visit
    desk.close(1)
    gone_for(9)

    with attached() as hub:
        within = presence.sweep()
        gone_for(11)
        after, again = presence.sweep(), presence.sweep()

    assert (within.users, after.users, again.users) == ((), (1,), ())
    assert [message["gone"] for message in hub.heard] == [[[1, visit]]]
    assert list(Presence.objects.values_list("user", flat=True)) == [2]


def test_the_dead_nodes_sockets_go_and_its_users_left_when_its_lease_ended() -> None:
    one, two = Desk(), Desk()
    one.open(1, 2)
    two.open(2)
    one.dies(ago=3)

    swept = presence.sweep(thorough=False)

    assert (swept.nodes, swept.connections, swept.users) == (1, 2, ())
    assert list(Connection.objects.values_list("user", flat=True)) == [2]
    left_at = Presence.objects.get(user=1).left_at
    assert left_at is not None
    assert timedelta(seconds=2.5) < clock.now() - left_at < timedelta(seconds=5)
    assert Presence.objects.get(user=2).left_at is None


def test_of_a_user_on_two_dead_nodes_the_lease_that_ended_later_counts() -> None:
    one, two, three = Desk(), Desk(), Desk()
    for desk, ago in ((one, 60), (two, 3), (three, 60)):
        desk.open(1)
        desk.dies(ago)

    swept = presence.sweep()

    assert (swept.nodes, swept.connections, swept.users) == (3, 3, ())


def test_who_has_a_socket_is_never_said_to_leave() -> None:
    desk = Desk()
    desk.open(1)
    Presence.objects.update(left_at=clock.now() - timedelta(hours=1))

    assert presence.sweep().users == ()
    assert Presence.objects.exists()


def test_what_a_dead_node_showed_is_shown_by_a_living_one() -> None:
    one, two = Desk(), Desk()
    two.open(1, current_page="/alive")
    one.open(1, current_page="/dead")
    one.dies()

    with attached() as hub:
        presence.sweep(thorough=False)

    assert [person["current_page"] for message in hub.heard for person in message["here"]] == [
        "/alive"
    ]


def test_after_a_night_with_all_nodes_dead_everybody_leaves_at_once() -> None:
    desk = Desk()
    desk.open(1, 2)
    desk.dies(ago=3600)

    swept = presence.sweep()

    assert sorted(swept.users) == [1, 2]
    assert not Presence.objects.exists()


def test_a_node_whose_lease_was_swept_writes_nothing_until_it_registers_everything() -> None:
    one, two = Desk(), Desk()
    one.open(1)
    one.dies()
    presence.sweep()

    refused = one.write(arrived=(socket(2),))
    again = one.write(is_all=True, arrived=tuple(one.sockets))

    assert refused is None
    assert here(again) == [1]
    assert str(Connection.objects.get().pk) == one.sockets[0].id
    assert {two.id, one.id} == set(Node.objects.values_list("pk", flat=True))
    assert Presence.objects.get().left_at is None


def test_who_moved_on_from_a_frozen_node_is_here_once_it_has_thawed_and_lost_them() -> None:
    frozen, other = Desk(), Desk()
    visit = frozen.open(1, current_page="/board").here[0].visit
    frozen.dies(ago=10)
    other.open(1, current_page="/rooms")
    presence.sweep()

    thawed = frozen.write(is_all=True, arrived=tuple(frozen.sockets))
    closed = frozen.close(1)

    assert here(thawed) == here(closed) == []
    (row,) = Presence.objects.all()
    assert (str(row.visit), row.left_at, row.current_page) == (visit, None, "/rooms")
    assert str(Connection.objects.get().pk) == other.sockets[0].id


def test_whose_own_lease_has_ended_judges_nobody() -> None:
    one, two = Desk(), Desk()
    one.open(1)
    two.open(2)
    for desk in (one, two):  # the database stood still
        desk.dies(ago=60)

    one.register.sweep(thorough=True)
    kept = Connection.objects.count()
    one.write(is_all=True, arrived=tuple(one.sockets))
    one.register.sweep(thorough=True)

    assert kept == 2
    assert list(Connection.objects.values_list("user", flat=True)) == [1]


def test_a_lease_that_ended_is_lost_though_nobody_swept_it_away() -> None:
    desk = Desk()
    desk.open(1)
    desk.dies()

    refused = desk.write(arrived=(socket(2),))
    again = desk.write(is_all=True, arrived=tuple(desk.sockets))

    assert refused is None
    assert again is not None
    assert list(Connection.objects.values_list("user", flat=True)) == [1]
    assert desk.write() is not None


def test_sockets_of_no_node_and_users_of_no_socket_are_swept_thoroughly() -> None:
    desk = Desk()
    desk.open(1, 2, 3)
    Connection.objects.filter(user=1).update(node=uuid.uuid4())
    Connection.objects.filter(user=2).delete()

    hasty, thorough = presence.sweep(thorough=False), presence.sweep()
    gone_for(11)
    later = presence.sweep()

    assert (hasty.connections, thorough.connections) == (0, 1)
    assert sorted(later.users) == [1, 2]
    assert list(Presence.objects.values_list("user", flat=True)) == [3]


@pytest.mark.django_db(transaction=True)
def test_a_leave_is_said_by_one_of_those_who_sweep_at_once() -> None:
    desk = Desk()
    desk.open(*range(1, 41))
    desk.close(*range(1, 41))
    gone_for(11)
    said: list[Any] = []

    def sweep() -> None:
        said.extend(presence.sweep().users)
        connections.close_all()

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(said) == list(range(1, 41))

"""The register of presence: nodes, sockets and users in the database, in a few statements."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler_realtime import clock
from scheduler_realtime.models import Connection, Node, Presence
from tests.harness.attending import Desk, here, socket

pytestmark = pytest.mark.django_db


def test_a_users_first_socket_is_a_visit_and_the_second_is_none() -> None:
    one, two = Desk(), Desk()

    first = one.open(1, 2)
    second = two.open(1)

    assert (here(first), here(second)) == ([1, 2], [])
    assert Presence.objects.count() == 2
    assert Connection.objects.filter(user=1).count() == 2
    assert Presence.objects.get(user=1).visit == uuid.UUID(first.here[0].visit)


def test_a_socket_is_written_with_all_that_is_known_of_it() -> None:
    desk = Desk()

    desk.open(1, current_page="/board", active_schedule_date="2026-01-15")

    row = Connection.objects.get()
    assert (row.node_id, row.username, row.roles) == (desk.id, "user 1", '["nurse"]')
    assert (row.current_page, row.active_schedule_date) == ("/board", "2026-01-15")
    assert (row.address, row.user_agent) == ("10.0.0.1", "Browser")


def test_a_user_has_left_when_the_last_socket_of_all_nodes_is_gone() -> None:
    one, two = Desk(), Desk()
    one.open(1)
    two.open(1)

    assert not one.close(1).has_left
    assert Presence.objects.get().left_at is None
    assert two.close(1).has_left

    assert Presence.objects.get().left_at is not None
    assert Connection.objects.count() == 0


def test_a_user_whose_shown_socket_is_gone_is_shown_by_the_newest() -> None:
    desk = Desk()
    now = clock.now()
    desk.open(1, current_page="/old", connected_at=now)
    desk.open(1, current_page="/new", connected_at=now + timedelta(seconds=2))
    desk.open(1, current_page="/shown", connected_at=now + timedelta(seconds=1))

    outcome = desk.close(1)

    (person,) = outcome.here
    assert (person.current_page, person.connection_id) == ("/new", desk.sockets[1].id)
    assert Presence.objects.get().current_page == "/new"


def test_a_second_socket_is_shown_once_it_says_what_it_looks_at() -> None:
    desk = Desk()
    desk.open(1, current_page="/board")

    silent = desk.open(1)
    (person,) = desk.open(1, active_schedule_date="2026-01-15").here

    assert here(silent) == []
    assert (person.current_page, person.active_schedule_date) == (None, "2026-01-15")


def test_who_registers_everything_anew_takes_the_place_of_no_other_socket() -> None:
    one, two = Desk(), Desk()
    one.open(1, current_page="/board")
    two.open(1, current_page="/rooms")

    outcome = one.write(is_all=True, arrived=tuple(one.sockets))

    assert here(outcome) == []
    assert Presence.objects.get().current_page == "/rooms"


def test_who_comes_back_within_the_grace_goes_on_with_the_visit() -> None:
    desk = Desk()
    visit = desk.open(1, current_page="/board").here[0].visit
    desk.close(1)

    (person,) = desk.open(1).here

    assert (person.visit, person.connection_id) == (visit, desk.sockets[0].id)
    assert person.current_page == "/board"
    assert Presence.objects.get().left_at is None


def test_registering_everything_removes_what_the_node_does_not_have() -> None:
    desk = Desk()
    desk.open(1, 2)

    outcome = desk.write(is_all=True, arrived=tuple(desk.sockets[1:]))

    assert list(Connection.objects.values_list("user", flat=True)) == [2]
    assert Presence.objects.get(user=1).left_at is not None
    assert outcome is not None
    assert outcome.has_left


def test_a_batch_that_is_written_twice_says_the_same_twice() -> None:
    desk, arrived = Desk(), (socket(1), socket(1), socket(2))

    first = desk.write(arrived=arrived)
    second = desk.write(arrived=arrived)

    assert here(first) == here(second) == [1, 2]
    assert Connection.objects.count() == 3


def test_a_move_is_shown_and_kept() -> None:
    desk = Desk()
    desk.open(1, current_page="/board")
    moved = socket(1, id=desk.sockets[0].id, current_page="/rooms", roles=("surgeon",))

    outcome = desk.write(moved=(moved,))

    assert outcome is not None
    (person,) = outcome.here
    assert (person.current_page, person.roles) == ("/rooms", ("surgeon",))
    assert Connection.objects.get().current_page == "/rooms"
    assert Connection.objects.get().roles == '["surgeon"]'


def test_what_is_heard_of_a_socket_moves_nothing_but_its_time() -> None:
    desk = Desk()
    desk.open(1, current_page="/board")
    later = clock.now() + timedelta(seconds=30)
    seen = socket(1, id=desk.sockets[0].id, last_seen_at=later)

    outcome = desk.write(seen=(seen,))

    assert here(outcome) == []
    assert Connection.objects.get().last_seen_at == later
    assert Connection.objects.get().current_page == "/board"


def test_an_orderly_end_leaves_nothing_of_the_node() -> None:
    one, two = Desk(), Desk()
    two.open(2, current_page="/alive")
    one.open(1, 2, current_page="/dead")

    outcome = one.register.sign_off()

    assert outcome.has_left
    assert [(each.user_id, each.current_page) for each in outcome.here] == [(2, "/alive")]
    assert list(Node.objects.values_list("pk", flat=True)) == [two.id]
    assert list(Connection.objects.values_list("user", flat=True)) == [2]
    assert Presence.objects.get(user=1).left_at is not None


def test_a_look_finds_everybody_and_makes_anew_only_what_changed() -> None:
    one, two = Desk(), Desk()
    one.open(1, 2)
    before = dict(two.register.look())
    one.write(moved=(socket(2, id=one.sockets[1].id, current_page="/rooms"),))

    after = two.register.look()

    assert sorted(after) == [1, 2]
    assert after[1] is before[1]
    assert after[2].current_page == "/rooms"


def test_a_thousand_sockets_are_a_few_statements() -> None:
    desk = Desk()
    arrived = tuple(socket(number % 500) for number in range(1000))

    with CaptureQueriesContext(connection) as statements:
        outcome = desk.write(arrived=arrived)

    assert len(here(outcome)) == 500
    # The two of a savepoint apart, in which a test has what is a transaction elsewhere.
    bound = 1 if connection.vendor == "postgresql" else 0
    assert len(statements) - 2 == bound + 1 + 2 + 1


def test_a_node_with_nothing_to_say_renews_its_lease_in_one_statement() -> None:
    desk = Desk()
    Node.objects.update(lease_until=clock.now() + timedelta(seconds=1))

    with CaptureQueriesContext(connection) as statements:
        desk.write()

    assert len(statements) == 1
    assert Node.objects.get().lease_until > clock.now() + timedelta(seconds=15)


def test_registering_everything_mends_what_is_written_of_a_socket() -> None:
    desk = Desk()
    desk.open(1, current_page="/board")
    Connection.objects.update(current_page="/of/long/ago", roles="[]")

    desk.write(is_all=True, arrived=tuple(desk.sockets))

    row = Connection.objects.get()
    assert (row.current_page, row.roles) == ("/board", '["nurse"]')


def test_a_deleted_users_presence_goes_with_the_user() -> None:
    user = User.objects.create(username="gone")
    desk = Desk()
    desk.open(user.pk)

    user.delete()

    assert not Presence.objects.exists()
    assert not Connection.objects.exists()


def test_a_node_counts_the_sockets_of_all_others() -> None:
    one, two, three = Desk(), Desk(), Desk()
    one.open(1, 2)
    two.open(1)
    three.open(3, 4)
    three.close(4)

    assert one.register.count_elsewhere() == 2
    assert two.register.count_elsewhere() == 3

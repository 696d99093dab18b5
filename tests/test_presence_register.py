"""The register of presence: nodes, sockets and users in the database, in a few statements."""

import threading
import uuid
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from scheduler_realtime import clock, presence
from scheduler_realtime.models import Connection, Node, Presence
from scheduler_realtime.presence import Batch, Device, Outcome, Register, Socket
from tests.harness.fake_hub import attached

pytestmark = pytest.mark.django_db


class Desk:
    """A node, as the tests have several of."""

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.register = Register(self.id)
        self.sockets: list[Socket] = []
        assert self.write(is_all=True) is not None

    def write(self, **facts: Any) -> Outcome | None:
        return self.register.write(Batch(**{"left": {}} | facts))

    def open(self, *users: Any, **facts: Any) -> Outcome:
        """One more socket for each of these users."""
        arrived = tuple(socket(user, **facts) for user in users)
        self.sockets += arrived
        outcome = self.write(arrived=arrived)
        assert outcome is not None
        return outcome

    def close(self, *users: Any) -> Outcome:
        """Close the socket of each of these users that was opened last."""
        left = [_last(self.sockets, user) for user in users]
        self.sockets = [each for each in self.sockets if each not in left]
        outcome = self.write(left={each.id: each.user_id for each in left})
        assert outcome is not None
        return outcome

    def dies(self, ago: float = 1.0) -> None:
        """Its lease ended so many seconds ago."""
        Node.objects.filter(pk=self.id).update(lease_until=clock.now() - timedelta(seconds=ago))


def _last(sockets: list[Socket], user: Any) -> Socket:
    return next(each for each in reversed(sockets) if each.user_id == user)


def socket(user: Any, **facts: Any) -> Socket:
    known: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "visit": uuid.uuid4(),
        "user_id": user,
        "username": f"user {user}",
        "roles": ("nurse",),
        "connected_at": clock.now(),
        "last_seen_at": clock.now(),
        "current_page": None,
        "active_schedule_date": None,
        "device": Device(address="10.0.0.1", user_agent="Browser"),
    }
    return Socket(**known | facts)


def here(outcome: Outcome | None) -> list[Any]:
    assert outcome is not None
    return sorted(person.user_id for person in outcome.here)


def gone_for(seconds: float) -> None:
    """Whoever has left did so so many seconds ago."""
    moment = clock.now() - timedelta(seconds=seconds)
    Presence.objects.exclude(left_at=None).update(left_at=moment)


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
    assert len(statements) - 2 == 1 + 2 + 1


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_two_nodes_that_lose_a_users_last_two_sockets_at_once_know_it() -> None:
    one, two = Desk(), Desk()
    one.open(1)
    two.open(1)
    begun, done = threading.Event(), threading.Event()

    def close_elsewhere() -> None:
        begun.set()
        two.close(1)
        done.set()
        connections.close_all()

    with ExitStack() as stack:
        stack.enter_context(transaction.atomic())
        one.close(1)
        thread = threading.Thread(target=close_elsewhere)
        thread.start()
        begun.wait()
        assert not done.wait(0.2)  # it waits for the row that the first one holds
    thread.join()

    assert Presence.objects.get().left_at is not None


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


def test_a_deleted_users_presence_goes_with_the_user() -> None:
    user = User.objects.create(username="gone")
    desk = Desk()
    desk.open(user.pk)

    user.delete()

    assert not Presence.objects.exists()
    assert not Connection.objects.exists()

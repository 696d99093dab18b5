"""Nodes that write of the same users at once: they wait for one another in one order, and briefly."""

import threading
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import Error, OperationalError, connections, transaction

from scheduler_realtime import clock
from scheduler_realtime.models import Connection, Node, Presence
from scheduler_realtime.presence import Socket, tables, writing
from tests.harness.attending import Desk, socket

pytestmark = [pytest.mark.postgres_only, pytest.mark.django_db(transaction=True)]


def in_threads(*calls: tuple[Any, ...]) -> None:
    """Make the calls beside one another, and wait for all of them."""
    threads = [threading.Thread(target=call, args=args) for call, *args in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


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


def test_two_nodes_at_which_the_same_users_come_and_go_wait_for_one_another_in_one_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two = Desk(), Desk()
    one.open(2)
    two.open(1)
    (gone_here,), (gone_there,) = one.sockets, two.sockets
    both, add = threading.Barrier(2), writing.add_sockets
    faults: list[Error] = []

    def add_when_both_have_locked(*args: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        add(*args)

    def batch(desk: Desk, leaves: Socket, user: int) -> None:
        try:
            desk.write(left={leaves.id: leaves.user_id}, arrived=(socket(user),))
        except Error as error:
            faults.append(error)
        finally:
            connections.close_all()

    monkeypatch.setattr(writing, "add_sockets", add_when_both_have_locked)
    in_threads((batch, one, gone_here, 1), (batch, two, gone_there, 2))

    assert not faults
    assert sorted(Connection.objects.values_list("user", flat=True)) == [1, 2]


def test_a_host_that_holds_a_users_rows_costs_neither_the_lease_nor_more_than_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "WAIT_MS", 100)
    user = User.objects.create(username="gone")
    desk = Desk()
    desk.open(user.pk, user.pk)
    leaves, stays = desk.sockets
    Node.objects.update(lease_until=clock.now() + timedelta(seconds=1))
    faults: list[Error] = []

    def close_one() -> None:
        try:
            desk.write(left={leaves.id: leaves.user_id})
        except Error as error:
            faults.append(error)
        finally:
            connections.close_all()

    with transaction.atomic():
        user.delete()
        in_threads((close_one,))
        transaction.set_rollback(True)

    assert [type(fault) for fault in faults] == [OperationalError]
    assert Node.objects.get().lease_until > clock.now() + timedelta(seconds=15)
    assert desk.write(is_all=True, arrived=(stays,)) is not None
    assert Connection.objects.count() == 1

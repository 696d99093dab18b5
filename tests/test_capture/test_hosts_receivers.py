"""Receivers of the host's own that do more to the object that was saved."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.models import signals

from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Coded,
    Operation,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


@pytest.fixture
def receive() -> Iterator[Callable[..., None]]:
    """`receive(signal, receiver, sender)`: the host's own receiver, for the test. Then bind."""
    connected: list[Any] = []

    def receive(signal: Any, receiver: Any, sender: type[models.Model]) -> None:
        signal.connect(receiver, sender=sender)
        # As if it had been there before the addon, as those are that hosts connect in models.py.
        signal.receivers.insert(0, signal.receivers.pop())
        signal.sender_receivers_cache.clear()
        connected.append((signal, receiver, sender))

    yield receive
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


def test_a_save_inside_the_hosts_own_post_save_is_part_of_the_change(
    bind: Bind, receive: Any
) -> None:
    def on_saved(instance: Coded, **kwargs: Any) -> None:
        if instance.status == "begun":
            instance.status = "done"
            instance.save()

    receive(signals.post_save, on_saved, Coded)
    coded = Coded.objects.create(code="a")
    bind(Coded, tracked=["status"])
    told = Told()

    coded.status = "begun"
    coded.save()

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


def test_what_the_hosts_own_post_save_deletes_is_not_told_as_alive(
    bind: Bind, receive: Any
) -> None:
    def on_saved(instance: Operation, **kwargs: Any) -> None:
        if instance.status == "cancelled":
            Operation.objects.get(pk=instance.pk).delete()

    receive(signals.post_save, on_saved, Operation)
    operation = Operation.objects.create()
    bind(Operation, tracked=["status"])
    told = Told()

    operation.status = "cancelled"
    operation.save()
    Operation.objects.create(status="cancelled")

    assert told.changes() == [("delete", {"status": "planned"}, {})]


def test_what_the_hosts_own_post_delete_makes_anew_is_not_told_as_gone(
    bind: Bind, receive: Any
) -> None:
    def on_deleted(instance: Coded, **kwargs: Any) -> None:
        Coded.objects.create(code=instance.code, status="again")

    receive(signals.post_delete, on_deleted, Coded)
    coded = Coded.objects.create(code="a")
    bind(Coded, tracked=["status"])
    told = Told()

    coded.delete()

    assert told.changes() == [("update", {"status": "planned"}, {"status": "again"})]


def test_a_nested_save_that_fails_leaves_the_outer_one_its_old_values(
    bind: Bind, receive: Any
) -> None:
    def on_saving(instance: Coded, **kwargs: Any) -> None:
        if instance.status == "begun":
            instance.status = "x" * 99
            with pytest.raises(LookupError), transaction.atomic():
                instance.save()
            instance.status = "done"

    def refuse(instance: Coded, **kwargs: Any) -> None:
        if len(instance.status) == 99:
            raise LookupError

    coded = Coded.objects.create(code="a")
    bind(Coded, tracked=["status"])
    receive(signals.pre_save, on_saving, Coded)
    receive(signals.pre_save, refuse, Coded)
    told = Told()

    coded.status = "begun"
    coded.save()

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


def test_what_a_receiver_raises_and_the_host_catches_leaves_the_transaction_usable(
    bind: Bind, receive: Any
) -> None:
    def refuse(instance: Coded, **kwargs: Any) -> None:
        raise LookupError

    bind(Coded)
    receive(signals.pre_save, refuse, Coded)

    with pytest.raises(LookupError):
        Coded.objects.create(code="a")

    assert Coded.objects.count() == 0


def test_what_cannot_be_told_cannot_be_committed(bind: Bind, monkeypatch: Any) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("the log is gone")

    bind(Coded)
    monkeypatch.setattr("scheduler_realtime.log.append", fail)

    with transaction.atomic():
        with pytest.raises(DatabaseError):
            Coded.objects.create(code="a")
        is_lost = connection.needs_rollback

    assert is_lost

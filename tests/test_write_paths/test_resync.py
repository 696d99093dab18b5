"""broadcast_resync(): what to say after writes that nothing could see."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import transaction

from scheduler_realtime import abroadcast_resync, broadcast_resync
from scheduler_realtime.testing import heard_by
from tests.hosts.bound import Told


def reasons(frames: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(frame["type"], frame["data"]["reason"]) for frame in frames]


@pytest.mark.django_db
def test_everyone_is_told_to_read_afresh() -> None:
    Told()
    user = User.objects.create(username="anybody")

    broadcast_resync()

    assert reasons(heard_by(user)) == [("resync", "unseen_writes")]


@pytest.mark.django_db
def test_it_is_taken_back_with_its_transaction() -> None:
    told = Told()

    with transaction.atomic():
        broadcast_resync()
        transaction.set_rollback(True)

    assert told.rows() == []


@pytest.mark.django_db(transaction=True)
def test_its_twin_can_be_awaited() -> None:
    told = Told()

    async_to_sync(abroadcast_resync)()

    assert told.types() == ["resync"]

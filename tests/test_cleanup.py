"""Cleaning up: what goes, what stays, and who may ask for it on the shell and over REST."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from rest_framework.test import APIClient

from scheduler_realtime import cleanup, log, tickets
from scheduler_realtime.claims import claims_of
from scheduler_realtime.cleanup import clean_up
from scheduler_realtime.models import Message, Sample, Ticket
from scheduler_realtime.presence import Swept
from scheduler_realtime.trimming import AWAITED
from tests.test_receipts import kept, write

pytestmark = pytest.mark.django_db

NOTHING = {
    "stale_connections": 0,
    "dead_nodes": 0,
    "left_users": 0,
    "expired_messages": 0,
    "trimmed_messages": 0,
    "tickets": 0,
    "samples": 0,
}


@pytest.fixture
def somebody(settings: Any) -> User:
    """Somebody who may clean up, and a log that keeps one message of those an hour old."""
    settings.SCHEDULER_REALTIME = {"MESSAGE_HISTORY_SIZE": 1}
    user = User.objects.create(username="somebody")
    user.user_permissions.add(Permission.objects.get(codename="delete_connection"))
    return user


def age() -> None:
    """Make everything written so far an hour old."""
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))


def litter(user: User) -> int:
    """One of each that is to go, and the position of the one message that is to stay."""
    write(ack_required=False)
    write(expires_at=timezone.now() - timedelta(minutes=1))
    tickets.issue(claims_of(user, until=0))
    tickets.issue(claims_of(user, until=0))
    first = Ticket.objects.order_by("pk")[0]
    Ticket.objects.filter(pk=first.pk).update(expires_at=timezone.now())
    for minutes in (1, 21):
        taken_at = timezone.now() - timedelta(minutes=minutes)
        Sample.objects.create(node_id="0" * 32, taken_at=taken_at, body="{}")
    last = write(ack_required=False)
    age()
    return last


def test_what_is_old_goes_and_is_counted_and_the_second_time_nothing(somebody: User) -> None:
    last = litter(somebody)

    first, second = clean_up(), clean_up()

    assert (first.expired_messages, first.trimmed_messages) == (1, 1)
    assert (first.tickets, first.samples) == (1, 1)
    assert kept() == [last]
    assert (Ticket.objects.count(), Sample.objects.count()) == (1, 1)
    assert vars(second) == NOTHING


def test_readers_of_what_went_are_told_of_a_gap(somebody: User) -> None:
    litter(somebody)

    clean_up()

    assert log.state().floor == log.state().head - 1


def test_an_expired_message_within_the_history_stays(somebody: User) -> None:
    position = write(expires_at=timezone.now() - timedelta(minutes=1))
    age()

    clean_up()

    assert kept() == [position]


def test_the_log_is_trimmed_to_its_end(somebody: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "BATCH", 2)
    monkeypatch.setattr(log, "trim", lambda bounds: log.upkeep.trim(bounds, batch=2))
    monkeypatch.setattr(
        log, "drop_expired", lambda bounds: log.upkeep.drop_expired(bounds, batch=2)
    )
    expired = timezone.now() - timedelta(minutes=1)
    for _ in range(5):
        write(expires_at=expired)
    awaited = [write() for _ in range(AWAITED + 1)]
    Message.objects.filter(position=awaited[-1]).update(groups='["nobody"]')
    ordinary = [write(ack_required=False) for _ in range(5)]
    age()

    removed = clean_up()

    assert (removed.expired_messages, removed.trimmed_messages) == (5, 5)
    assert kept() == [*awaited[:-1], ordinary[-1]]


def test_what_dead_nodes_left_is_counted(somebody: User, monkeypatch: pytest.MonkeyPatch) -> None:
    swept = Swept(nodes=2, connections=30, users=(4, 5, 6))
    monkeypatch.setattr(cleanup.presence, "sweep", lambda: swept)

    removed = clean_up()

    assert (removed.dead_nodes, removed.stale_connections, removed.left_users) == (2, 30, 3)


def test_the_command_says_what_was_removed(somebody: User) -> None:
    litter(somebody)
    lines, text = StringIO(), StringIO()

    call_command("realtime_cleanup", stdout=lines)
    call_command("realtime_cleanup", "--json", stdout=text)

    assert "1 trimmed messages" in lines.getvalue()
    assert json.loads(text.getvalue()) == NOTHING


def test_a_database_that_is_out_is_a_command_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def out() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(log, "state", out)

    with pytest.raises(CommandError, match="connection refused") as failed:
        call_command("realtime_cleanup")

    assert failed.value.returncode == 1


def client_of(user: User | None) -> APIClient:
    client = APIClient()
    if user is not None:
        client.force_authenticate(user)
    return client


@pytest.mark.parametrize("path", ["/api/ws/cleanup", "/api/ws/cleanup/"])
def test_over_rest_the_same_is_answered(somebody: User, path: str) -> None:
    litter(somebody)

    answer = client_of(somebody).post(path)

    assert answer.status_code == 200
    assert answer.json() == NOTHING | {
        "expired_messages": 1,
        "trimmed_messages": 1,
        "tickets": 1,
        "samples": 1,
    }


@pytest.mark.parametrize(
    ("is_permitted", "request_", "status"),
    [
        (None, {"path": "/api/ws/cleanup"}, 401),
        (False, {"path": "/api/ws/cleanup"}, 403),
        (True, {"path": "/api/ws/cleanup", "data": "x=1", "content_type": "text/plain"}, 415),
        (True, {"path": "/api/ws/cleanup", "data": "{", "content_type": "application/json"}, 400),
        (True, {"path": "/api/ws/cleanup", "data": {"x": "y" * 65536}, "format": "json"}, 400),
    ],
)
def test_what_is_refused_removes_nothing(
    somebody: User, is_permitted: bool | None, request_: dict[str, Any], status: int
) -> None:
    litter(somebody)
    before = kept()
    if not is_permitted:
        somebody.user_permissions.clear()

    answer = client_of(None if is_permitted is None else somebody).post(**request_)

    assert answer.status_code == status
    assert kept() == before


def test_looking_is_not_cleaning_up(somebody: User) -> None:
    assert client_of(somebody).get("/api/ws/cleanup").status_code == 405

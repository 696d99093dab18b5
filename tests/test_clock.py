"""The database's clock decides what has expired, whatever the node's own says."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from scheduler_realtime import clock, log
from scheduler_realtime.log import Draft
from scheduler_realtime.testing import heard_by, pump

EVERYONE = frozenset({"everyone"})


@pytest.fixture(autouse=True)
def _kept_right() -> Iterator[None]:
    yield
    clock.note(None, asked_at=time.time())


@pytest.mark.postgres_only
@pytest.mark.django_db
def test_a_node_that_is_a_minute_ahead_learns_the_databases_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = timezone.now()
    own = time.time
    monkeypatch.setattr(time, "time", lambda: own() + 62)
    monkeypatch.setattr(timezone, "now", lambda: right + timedelta(seconds=62))

    log.state()

    assert abs(clock.now() - right) < timedelta(seconds=5)


@pytest.mark.django_db
def test_a_node_that_is_a_minute_ahead_shows_what_expires_within_that_minute(
    admin_user: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump()
    start = log.state().head
    soon = timezone.now() + timedelta(seconds=30)
    log.append([Draft(type="system_notification", data={}, groups=EVERYONE, expires_at=soon)])
    right = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: right + timedelta(seconds=62))
    monkeypatch.setattr(clock, "_ahead", 62.0)
    monkeypatch.setattr(clock, "note", lambda seconds, asked_at: None)

    assert len(heard_by(admin_user, after=start)) == 1


def test_where_the_database_has_no_clock_the_nodes_own_holds() -> None:
    clock.note(None, asked_at=time.time())

    assert abs(clock.now() - timezone.now()) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("theirs", "ahead"),
    [(1000.0, 0.0), (1005.0, 0.0), (1010.0, 0.0), (938.0, 62.0), (1072.0, -62.0)],
)
def test_an_answer_that_took_long_makes_no_clock_wrong(
    monkeypatch: pytest.MonkeyPatch, theirs: float, ahead: float
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1010.0)

    clock.note(theirs, asked_at=1000.0)

    assert timezone.now() - clock.now() - timedelta(seconds=ahead) < timedelta(seconds=0.5)
    assert clock.now() - timezone.now() + timedelta(seconds=ahead) < timedelta(seconds=0.5)

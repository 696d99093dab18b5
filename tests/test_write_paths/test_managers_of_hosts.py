"""Managers that a host wrote: heard if they are built on ours, and complained of if not."""

import datetime as dt

import pytest

from scheduler_realtime import RealtimeQuerySet, capture
from scheduler_realtime.querysets import uncaptured
from tests.hosts.models import Stay
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "the same by a manager of yours",
    "if its queryset is a `RealtimeQuerySet`; otherwise as raw SQL (W010)",
)


FIRST, LAST = dt.date(2026, 3, 10), dt.date(2026, 3, 12)
LATER = ("update", {"last_day": "2026-03-10"}, {"last_day": "2026-03-12"})


@pytest.fixture(autouse=True)
def _stay() -> None:
    Stay.everything.create(first_day=FIRST, last_day=FIRST)


def test_what_is_not_built_on_ours_is_not_told_and_named_by_the_check(watch: Watch) -> None:
    told = watch(Stay, "last_day")

    Stay.objects.update(last_day=LAST)

    assert told.rows() == []
    assert uncaptured(Stay) == ["objects"]


def test_it_is_told_inside_a_block(watch: Watch) -> None:
    told = watch(Stay, "last_day")

    with capture(Stay.objects.all()):
        Stay.objects.update(last_day=LAST)

    assert told.changes() == [LATER]


class StayQuerySet(RealtimeQuerySet):
    def lengthen(self) -> int:
        return self.update(last_day=LAST)


def test_what_is_built_on_ours_is_told(watch: Watch) -> None:
    manager = StayQuerySet.as_manager()
    manager.model = Stay
    told = watch(Stay, "last_day")

    manager.lengthen()

    assert told.changes() == [LATER]

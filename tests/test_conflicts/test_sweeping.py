"""Sweeping: what collides where the log cannot say what has changed, looked for in all that goes on."""

from typing import Any

import pytest
from django.db import connection

from project.scheduling.models import Surgery
from scheduler_realtime import broadcast_resync, conflicts, log
from scheduler_realtime.conflicts import sweeping
from scheduler_realtime.models import Examination, Log, Message
from scheduler_realtime.testing import pump
from tests.test_conflicts.conftest import Heard, Plan, at

pytestmark = pytest.mark.django_db


@pytest.fixture
def late(plan: Plan) -> Surgery:
    """The second of two in one room, moved into the first by somebody whom nobody sees."""
    plan(0, 1, 3)
    second = plan(0, 6, 8)
    pump()
    write("UPDATE scheduling_surgery SET start_time = %s WHERE id = %s", at(2), second.pk)
    return second


def write(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_the_first_look_is_at_all_that_has_not_ended(late: Surgery) -> None:
    Message.objects.all().delete()
    Examination.objects.all().delete()

    assert [kind for _, kind, _ in Heard(since_ever=True).said()] == ["room_overlap"]


def test_where_everyone_is_to_read_afresh_it_is_said_once(late: Surgery) -> None:
    heard = Heard()
    broadcast_resync()
    opened = heard.said()
    broadcast_resync()

    assert [kind for _, kind, _ in opened] == ["room_overlap"]
    assert heard.said() == []


def test_what_is_over_by_then_is_resolved(late: Surgery) -> None:
    broadcast_resync()
    heard = Heard()
    write("DELETE FROM scheduling_surgery WHERE id = %s", late.pk)
    broadcast_resync()

    assert [status for status, _, _ in heard.said()] == ["resolved"]


def test_a_write_of_too_many_rows_is_looked_at_all_the_same(plan: Plan, settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"CONFLICTS": True, "CAPTURE_LIMIT": 2}
    for number in range(3):
        plan(0, 2 * number, 2 * number + 1)
    heard = Heard()

    Surgery.objects.update(start_time=at(1), end_time=at(2))

    assert [kind for _, kind, _ in heard.said()] == ["room_overlap"] * 3


@pytest.mark.parametrize("lost", ["trimmed", "ahead"])
def test_a_place_that_the_log_does_not_have_is_begun_anew(late: Surgery, lost: str) -> None:
    heard = Heard()
    if lost == "trimmed":
        Log.objects.update(floor=log.state().head)
        Examination.objects.update(position=log.state().head - 1)
    else:
        Examination.objects.update(position=10**9)

    assert [kind for _, kind, _ in heard.said()] == ["room_overlap"]


def test_it_goes_on_part_by_part_and_changes_go_first(
    late: Surgery, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "PART", 1)
    [seeker] = conflicts.seekers()
    heard = Heard()
    broadcast_resync()
    pump_positions()
    conflicts.step(seeker)
    plan(1, 1, 3)
    plan(1, 2, 4)
    pump_positions()
    conflicts.step(seeker)
    first = Message.objects.filter(type="conflict_notification").count()

    said = [kind for _, kind, _ in heard.said()]

    assert first == 1
    assert said == ["room_overlap"] * 2
    assert not conflicts.is_behind(seeker)


def pump_positions() -> None:
    """Positions alone, as a relay gives them."""
    while log.state().waiting:
        log.sequence(bulk_threshold=50)

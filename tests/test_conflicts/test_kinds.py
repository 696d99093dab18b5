"""What collides is said once, and once when it is over, whichever way it was written."""

from collections.abc import Callable
from typing import Any

import pytest

from project.scheduling.models import OperatingRoom, Surgery
from tests.test_conflicts.conftest import Heard, Plan, at

pytestmark = pytest.mark.django_db

KINDS = ("room_overlap", "staff_overlap", "turnover", "patient_overlap")


def pair(kind: str, plan: Plan) -> tuple[Surgery, Surgery, dict[str, Any], dict[str, Any]]:
    """Two that are apart, what brings the second to collide, and what parts them again."""
    first = plan(0, 1, 2, patient_number="P1")
    apart = {"start_time": at(5), "end_time": at(6)}
    close = {"start_time": at(1.5), "end_time": at(2.5)}
    match kind:
        case "room_overlap":
            second = plan(0, 5, 6)
        case "staff_overlap":
            second = plan(1, 5, 6, anaesthetist=first.surgeon)
        case "turnover":
            second = plan(0, 5, 6)
            close = {"start_time": at(2.1), "end_time": at(3)}
        case _:
            second = plan(1, 5, 6, patient_number="P1")
    return first, second, close, apart


def by_save(surgery: Surgery, fields: dict[str, Any]) -> None:
    fresh = Surgery.objects.get(pk=surgery.pk)
    for name, value in fields.items():
        setattr(fresh, name, value)
    fresh.save()


def by_update(surgery: Surgery, fields: dict[str, Any]) -> None:
    Surgery.objects.filter(pk=surgery.pk).update(**fields)


def by_bulk_update(surgery: Surgery, fields: dict[str, Any]) -> None:
    fresh = Surgery.objects.get(pk=surgery.pk)
    for name, value in fields.items():
        setattr(fresh, name, value)
    Surgery.objects.bulk_update([fresh], list(fields))


def by_delete(surgery: Surgery, fields: dict[str, Any]) -> None:
    surgery.delete()


def by_cancelling(surgery: Surgery, fields: dict[str, Any]) -> None:
    Surgery.objects.filter(pk=surgery.pk).update(status="cancelled")


Write = Callable[[Surgery, dict[str, Any]], None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", [by_save, by_update, by_bulk_update])
def test_what_collides_is_said_once_and_once_when_it_is_over(
    kind: str, write: Write, plan: Plan
) -> None:
    first, second, close, apart = pair(kind, plan)
    heard = Heard()

    write(second, close)
    opened = heard.said()
    write(second, {"surgery_type": "Knee"})
    again = heard.said()
    write(second, apart)

    keys = [first.pk, second.pk]
    assert opened == [("open", kind, keys)]
    assert again == []
    assert heard.said() == [("resolved", kind, keys)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", [by_delete, by_cancelling])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_gone_or_cancelled_collides_no_more(
    kind: str, write: Write, which: int, plan: Plan
) -> None:
    first, second, close, _ = pair(kind, plan)
    by_update(second, close)
    keys, heard = [first.pk, second.pk], Heard()

    write((first, second)[which], {})

    assert heard.said() == [("resolved", kind, keys)]


def test_the_same_pair_has_the_same_id_when_it_collides_again(plan: Plan) -> None:
    _, second, close, apart = pair("room_overlap", plan)
    heard = Heard()
    by_update(second, close)
    [before] = heard.data()
    by_update(second, apart)
    heard.data()

    by_update(second, close)

    [after] = heard.data()
    assert (after["status"], after["conflict_id"]) == ("open", before["conflict_id"])


def test_touching_is_no_overlap_and_the_whole_turnover_is_enough(plan: Plan) -> None:
    heard = Heard()

    plan(0, 1, 2)
    plan(0, 2.25, 3)

    assert heard.said() == []


def test_a_room_that_takes_longer_between_two_is_seen_at_the_next_change(
    plan: Plan, rooms: list[OperatingRoom]
) -> None:
    first, second = plan(0, 1, 2), plan(0, 2.5, 3)
    heard = Heard()
    rooms[0].turnover_minutes = 45
    rooms[0].save()

    by_update(first, {"surgery_type": "Knee"})

    assert heard.said() == [("open", "turnover", [first.pk, second.pk])]

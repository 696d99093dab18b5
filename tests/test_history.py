"""History: what one user may read of the log, all of it in order, or the reason why not."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from scheduler_realtime import history, log
from scheduler_realtime.history import excerpt
from scheduler_realtime.identity import Identity
from scheduler_realtime.log import Bounds, Draft
from scheduler_realtime.models import Message
from scheduler_realtime.testing import pump
from tests.harness.house import identity

pytestmark = pytest.mark.django_db

NURSE: Identity = identity(["everyone", "role.nurse"])


def write(*titles: str, group: str = "everyone", **facts: Any) -> int:
    """Append a message each; the position before them."""
    pump()
    start = log.state().head
    for title in titles:
        given: dict[str, Any] = {"type": "system_notification", "data": {"title": title}}
        log.append([Draft(groups=frozenset({group}), **given | facts)])
        pump()
    return start


def titles(found: history.Excerpt) -> list[str]:
    return [frame["data"]["title"] for frame in found.results]


def test_without_a_position_reading_begins_with_the_oldest_that_is_kept() -> None:
    start = write("a", "b", "c")
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))
    log.trim(Bounds(keep=2, min_age=600))

    found = excerpt(NURSE, limit=10)

    assert titles(found)[-2:] == ["b", "c"]
    assert log.state().floor == start + 1


def test_what_was_trimmed_is_said_and_nothing_of_the_rest_is_given() -> None:
    start = write("a", "b", "c")
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))
    log.trim(Bounds(keep=1, min_age=600))

    found = excerpt(NURSE, after=start, limit=10)

    assert (found.reason, found.results) == ("trimmed", [])
    assert found.position == found.head == start + 3
    assert not found.is_empty


def test_who_may_see_next_to_nothing_is_told_how_far_was_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "SPAN", 6)
    start = write(*"abcdefg", group="role.surgeon")
    write("h")

    first = excerpt(NURSE, after=start, limit=10)
    second = excerpt(NURSE, after=first.position, limit=10)

    assert (first.results, first.position, first.has_more) == ([], start + 6, True)
    assert (titles(second), second.position, second.has_more) == (["h"], start + 8, False)


def test_of_messages_of_a_type_a_page_is_full_whatever_lies_between() -> None:
    start = write("a")
    write(*"bcd", type="emergency_alert")
    write("e")

    found = excerpt(NURSE, after=start, limit=2, type="system_notification")

    assert (titles(found), found.position) == (["a", "e"], start + 5)


def test_groups_are_told_apart_by_case_and_by_their_whole_name() -> None:
    start = write("upper", group="role.Nurse")
    write("longer", group="role.nurses")
    write("other", group="arole.nurse")
    write("hers", group="role.nurse")

    assert titles(excerpt(NURSE, after=start, limit=10)) == ["hers"]


def test_a_position_at_the_end_of_all_numbers_is_ahead() -> None:
    assert excerpt(NURSE, after=2**63 - 1, limit=10).reason == "ahead"


@pytest.mark.parametrize("limit", [1, 500])
def test_a_page_costs_two_statements_however_much_is_kept(
    limit: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    start = write(*"abcdefghij", group="role.surgeon")

    with django_assert_num_queries(2):
        excerpt(NURSE, after=start, limit=limit)


def test_a_page_ends_where_its_limit_is_reached() -> None:
    start = write("a", "b", "c")

    found = excerpt(NURSE, after=start, limit=2)

    assert (titles(found), found.position, found.has_more) == (["a", "b"], start + 2, True)


def test_what_was_deleted_by_hand_at_the_end_is_not_waited_for() -> None:
    start = write("a", "b")
    Message.objects.filter(position=start + 2).delete()

    found = excerpt(NURSE, after=start, limit=10)

    assert (titles(found), found.position, found.has_more) == (["a"], start + 2, False)


def test_a_resync_stands_in_its_place() -> None:
    start = write("a")
    write("ignored", type="resync", data={"reason": "capture_failed"})

    _, resync = excerpt(NURSE, after=start, limit=10).results

    assert resync["type"] == "resync"
    assert resync["data"]["position"] == start + 2
    assert resync["data"]["epoch"] == log.state().epoch


def test_another_logs_position_is_refused() -> None:
    found = excerpt(NURSE, after=0, epoch="another", limit=10)

    assert (found.reason, found.results) == ("epoch_changed", [])

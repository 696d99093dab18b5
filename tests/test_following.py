"""Following the log: in order, through gaps and outages, and only what is wanted."""

import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from scheduler_realtime import following, log
from scheduler_realtime.exceptions import HistoryGap
from scheduler_realtime.following import Gap, Heard, Outage, Recovery, Sieve
from scheduler_realtime.log import Bounds, Draft, Place, Row
from scheduler_realtime.models import Log, Message
from scheduler_realtime.testing import pump
from tests.harness.house import row

pytestmark = pytest.mark.django_db


def tell(*types: str, groups: frozenset[str] = frozenset({"everyone"})) -> None:
    """So many messages, of these types, each with its position."""
    for type_ in types:
        log.append([Draft(type=type_, data={}, groups=groups)])
        pump()


def types_of(rows: Any) -> list[str]:
    return [each.type if isinstance(each, Row) else type(each).__name__ for each in rows]


def start() -> Place:
    return log.look().head


class Pauses:
    """Does one thing in each pause of whoever follows, and ends it after the last."""

    def __init__(self, *deeds: Callable[[], object]) -> None:
        self.deeds = list(deeds)
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if not self.deeds:
            raise KeyboardInterrupt
        self.deeds.pop(0)()


def heard(place: Place, *deeds: Callable[[], object]) -> list[Heard]:
    """What is heard while these things happen."""
    found: deque[Heard] = deque()
    with pytest.raises(KeyboardInterrupt):
        found.extend(following.follow(place, pause=Pauses(*deeds)))
    return list(found)


def test_what_is_there_comes_in_order_and_then_what_is_told() -> None:
    place = start()
    tell("one", "two")

    found = heard(place, lambda: tell("three"), lambda: tell("four"))

    assert types_of(found) == ["one", "two", "three", "four"]


def test_without_a_pause_it_ends_at_the_head() -> None:
    place = start()
    tell("one", "two")

    assert types_of(following.follow(place, pause=None)) == ["one", "two"]


def test_what_was_trimmed_is_told_of_and_the_rest_follows() -> None:
    place = start()
    tell("one", "two", "three")
    Message.objects.update(created_at="2020-01-01T00:00:00Z")
    log.trim(Bounds(keep=1, min_age=600))

    gap, last = following.follow(place, pause=None)

    assert gap == Gap(reason="trimmed", epoch=place.epoch, position=place.position + 2)
    assert types_of([last]) == ["three"]


def test_another_log_is_told_of_and_followed_from_its_head() -> None:
    place = start()
    tell("one")

    def renew() -> None:
        tell("unseen")
        log.renew_epoch()

    found = heard(place, renew, lambda: tell("two"))

    assert types_of(found) == ["one", "Gap", "two"]
    assert isinstance(found[1], Gap)
    assert (found[1].reason, found[1].epoch) == ("epoch_changed", log.state().epoch)


def test_positions_given_anew_are_not_taken_for_the_old_ones() -> None:
    place = start()
    tell("one")

    def restore() -> None:
        Message.objects.update(key=uuid.uuid4())
        tell("two")

    assert types_of(heard(place, restore)) == ["one", "Gap"]


def test_a_log_that_is_shorter_than_what_was_read_is_another_one() -> None:
    place = start()
    tell("one", "two")

    def restore() -> None:
        Message.objects.filter(type="two").delete()
        Log.objects.update(head=place.position + 1)

    assert types_of(heard(place, restore, lambda: tell("three"))) == ["one", "two", "Gap", "three"]


def test_an_outage_is_told_of_once_and_nothing_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    place = start()
    read = log.read_after

    def out(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("server closed the connection")

    def fail() -> None:
        tell("one")
        monkeypatch.setattr(log, "read_after", out)

    def recover() -> None:
        monkeypatch.setattr(log, "read_after", read)

    monkeypatch.setattr(following.connections, "close_all", lambda: None)
    found = heard(place, fail, lambda: None, recover)

    assert types_of(found) == ["Outage", "Recovery", "one"]
    assert found[0] == Outage(error="server closed the connection")
    assert found[1] == Recovery()


def test_without_a_pause_an_outage_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    place = start()

    def out(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("out")

    monkeypatch.setattr(log, "read_after", out)
    monkeypatch.setattr(following.connections, "close_all", lambda: None)

    with pytest.raises(OperationalError):
        list(following.follow(place, pause=None))


def test_the_latest_are_the_last_that_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    tell("wanted", "wanted", *["other"] * 5, "wanted", "other")
    read = log.read_before
    monkeypatch.setattr(log, "read_before", lambda position: read(position, limit=2))

    rows, place = following.latest(2, Sieve(types=frozenset({"wanted"})))
    everything, _ = following.latest(100, Sieve())

    assert [each.position for each in rows] == [place.position - 7, place.position - 1]
    assert len(everything) == 9
    assert place == log.look().head


def test_nothing_lies_behind_what_is_beyond_the_head() -> None:
    tell("one")
    head = log.state().head

    assert following.behind(head).position == head
    with pytest.raises(HistoryGap):
        following.behind(head + 1)


ROW = row(1, "told", groups=("role.nurse", "user.7"))


@pytest.mark.parametrize(
    ("sieve", "is_through"),
    [
        (Sieve(), True),
        (Sieve(types=frozenset({"told", "other"})), True),
        (Sieve(types=frozenset({"other"})), False),
        (Sieve(actors=frozenset({"9"})), False),
        (Sieve(groups=frozenset({"role.nurse"})), True),
        (Sieve(groups=frozenset({"everyone"})), False),
        (Sieve(ears=((7, frozenset({"everyone", "user.7"})),)), True),
        (Sieve(ears=((8, frozenset({"everyone", "user.8"})),)), False),
        (Sieve(rooms=frozenset({"3"})), False),
        (Sieve(types=frozenset({"told"}), groups=frozenset({"role.surgeon"})), False),
    ],
)
def test_a_row_comes_through_where_every_kind_of_filter_lets_it(
    sieve: Sieve, is_through: bool
) -> None:
    assert sieve.lets_through(ROW) is is_through


def test_orders_come_through_only_where_they_are_wanted() -> None:
    order = row(1, "control", groups=())

    assert not Sieve().lets_through(order)
    assert Sieve(with_orders=True).lets_through(order)

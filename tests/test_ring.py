"""The ring: which recent rows it has, and that it knows what it has not."""

import pytest

from scheduler_realtime import ring as rings
from scheduler_realtime.ring import Ring
from tests.harness.house import row

pytestmark = pytest.mark.sqlite_only


def positions(ring: Ring, after: int, limit: int = 100) -> list[int] | None:
    rows = ring.after(after, limit)
    return None if rows is None else [row.position for row in rows]


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    """A ring of three to six rows that begins behind position 10."""
    monkeypatch.setattr(rings, "ROWS", 3)
    ring = Ring()
    ring.restart(10)
    return ring


def test_it_has_everything_since_it_began(ring: Ring) -> None:
    for position in (11, 12, 13):
        ring.append(row(position))

    assert positions(ring, 10) == [11, 12, 13]
    assert positions(ring, 12) == [13]
    assert positions(ring, 13) == []


def test_it_does_not_claim_what_was_before_it(ring: Ring) -> None:
    ring.append(row(11))

    assert positions(ring, 9) is None


def test_a_position_between_two_rows_is_followed_by_the_later_one(ring: Ring) -> None:
    ring.append(row(11))
    ring.append(row(20))

    assert positions(ring, 15) == [20]


def test_it_gives_no_more_than_asked_for(ring: Ring) -> None:
    for position in range(11, 16):
        ring.append(row(position))

    assert positions(ring, 10, limit=2) == [11, 12]


def test_the_oldest_go_once_it_holds_twice_as_many_rows_as_it_keeps(ring: Ring) -> None:
    for position in range(11, 18):
        ring.append(row(position))

    assert positions(ring, 13) == [14, 15, 16, 17]
    assert positions(ring, 12) is None


def test_the_oldest_go_once_it_holds_twice_as_many_bytes_as_it_keeps(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rings, "BYTES", 100)
    for position in (11, 12, 13, 14):
        ring.append(row(position, body="x" * 60))

    assert positions(ring, 12) == [13, 14]
    assert positions(ring, 11) is None


def test_it_takes_a_row_larger_than_itself(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rings, "BYTES", 100)
    ring.append(row(11))

    ring.append(row(12, body="x" * 1000))
    ring.append(row(13))

    assert positions(ring, 12) == [13]


def test_it_forgets_everything_when_it_begins_anew(ring: Ring) -> None:
    ring.append(row(11))

    ring.restart(3)
    ring.append(row(4))

    assert positions(ring, 3) == [4]
    assert positions(ring, 2) is None

"""Occupancy and stretches: nobody who overlaps is missed, and few are looked at in vain."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from scheduler_realtime.affected.occupancy import Occupancy
from scheduler_realtime.affected.spans import Span, stretches
from scheduler_realtime.binding import Interval

BEGIN = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)


def interval(start: int, hours: int | None) -> Interval:
    begin = BEGIN + dt.timedelta(hours=start)
    return Interval(start=begin, end=None if hours is None else begin + dt.timedelta(hours=hours))


intervals = st.builds(interval, st.integers(0, 60), st.none() | st.integers(0, 40))


def overlap(one: Interval, two: Interval) -> bool:
    return (two.end is None or one.start < two.end) and (one.end is None or two.start < one.end)


@given(st.lists(intervals), intervals)
def test_a_room_names_whoever_overlaps_in_the_order_they_came(
    taken: list[Interval], asked: Interval
) -> None:
    occupancy = Occupancy(enumerate(taken))

    expected = [key for key, stay in enumerate(taken) if overlap(stay, asked)]
    assert occupancy.during(asked) == expected


@given(st.lists(st.builds(Span, room=st.integers(1, 3), interval=intervals)))
def test_stretches_cover_every_span(spans: list[Span]) -> None:
    found = list(stretches(spans))

    for span in spans:
        assert any(
            span.room in stretch.rooms
            and stretch.interval.start <= span.interval.start
            and (stretch.interval.end is None or stretch.interval.end >= (span.interval.end or 0))
            for stretch in found
            if stretch.interval.end is None or span.interval.end is not None
        )


def test_one_day_of_many_rooms_is_one_stretch() -> None:
    spans = [Span(room=room, interval=interval(room, 2)) for room in range(5)]

    [stretch] = stretches(spans)

    assert stretch.rooms == (0, 1, 2, 3, 4)
    assert stretch.interval == interval(0, 6)


def test_what_lasts_long_has_no_other_room_read_for_as_long() -> None:
    year, endless = interval(0, 365 * 24), interval(0, None)
    spans = [
        Span(room=1, interval=year),
        Span(room=2, interval=endless),
        Span(room=3, interval=interval(0, 2)),
    ]

    found = list(stretches(spans))

    assert [(each.rooms, each.interval) for each in found] == [
        ((1,), year),
        ((2,), endless),
        ((3,), interval(0, 2)),
    ]

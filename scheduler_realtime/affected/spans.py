"""Spans: where and when a change took place, and stretches of many that one condition covers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from scheduler_realtime.binding import Interval
from scheduler_realtime.folding import Entry

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A room, by what equals only for the same room, and when it is taken."""

    room: Any
    interval: Interval


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Some rooms, and a time that includes that of several spans there."""

    rooms: tuple[Any, ...]
    interval: Interval


def spans_of(entry: Entry) -> list[Span]:
    """The places of a captured change, before and after."""
    return [
        Span(room=room, interval=Interval(start=_moment(start), end=end and _moment(end)))
        for room, start, end in entry.scope.get("spans", ())
    ]


def stretches(spans: Iterable[Span]) -> Iterator[Stretch]:
    """Stretches that cover all the spans: one for those of a day, which most are.

    A condition costs more than the few rows which that reads in vain. What lasts longer, or has
    no end, is a stretch by itself: a change must not have a year of every room read.
    """
    together: dict[Any, list[Span]] = {}
    for span in spans:
        start, end = span.interval.start, span.interval.end
        is_short = end is not None and end - start <= _DAY
        together.setdefault(start.date() if is_short else span, []).append(span)
    for several in together.values():
        ends = [span.interval.end for span in several]
        yield Stretch(
            rooms=tuple(dict.fromkeys(span.room for span in several)),
            interval=Interval(
                start=min(span.interval.start for span in several),
                end=max((end for end in ends if end is not None), default=None),
            ),
        )


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)

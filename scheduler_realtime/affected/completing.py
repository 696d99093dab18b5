"""Completing: the keys of what a captured change touches, put into its message by the relay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from django.db import transaction

from scheduler_realtime import log
from scheduler_realtime.binding import Interval, ScheduleBinding, report_failure
from scheduler_realtime.folding import Entry
from scheduler_realtime.paging import pages
from scheduler_realtime.registry import binding_labelled
from scheduler_realtime.wire import plain

from .candidates import candidates
from .occupancy import Occupancy
from .spans import Span, spans_of

CHUNK: Final = 50
"""Changes of one savepoint: where the host's code raises, so many have nothing filled in."""

PLAIN_CHUNK: Final = 1000
"""Changes looked up together where no code of the host runs: the more, the more share a day."""


def complete(entries: Sequence[Entry]) -> None:
    """Fill in `affected_surgeries` of captured changes, in the relay's transaction.

    A binding that raises leaves them empty, and is logged: the change itself is told. Only where
    its code runs is there a savepoint, which costs everybody two statements. They stay empty too
    where neither room nor time is a column: the relay does not read a whole table.
    """
    chosen: dict[str, list[tuple[Entry, list[Span]]]] = {}
    for entry in entries:
        if entry.is_object and (spans := spans_of(entry)):
            chosen.setdefault(entry.scope["model"], []).append((entry, spans))
    for label, asked in chosen.items():
        binding = binding_labelled(label)
        if binding is None:
            continue
        chunk = PLAIN_CHUNK if binding.has_plain_place else CHUNK
        for page in pages(asked, chunk):
            try:
                with _savepoint(binding):
                    _complete(binding, page)
            except Exception as error:  # noqa: BLE001 - the host's code may raise anything
                report_failure(binding, "what its changes affect", error)


def _savepoint(binding: ScheduleBinding) -> AbstractContextManager[object]:
    return nullcontext() if binding.has_plain_place else transaction.atomic(using=log.database())


def _complete(binding: ScheduleBinding, asked: Sequence[tuple[Entry, list[Span]]]) -> None:
    # One change has the same place before and after more often than not: ask once.
    found = _occupancies(binding, dict.fromkeys(span for _, spans in asked for span in spans))
    for entry, spans in asked:
        [own] = entry.scope["surgeries"]
        hit = {
            key: None
            for span in spans
            if (occupancy := found.get(span.room)) is not None
            for key in occupancy.during(span.interval)
            if key != own
        }
        if hit:
            entry.touches(list(hit))


def _occupancies(binding: ScheduleBinding, spans: Mapping[Span, None]) -> dict[Any, Occupancy]:
    stays: dict[Any, list[tuple[Any, Interval]]] = {}
    for key, row in candidates(binding, list(spans)):
        if (interval := binding.interval_of(row)) is not None:
            room = plain(binding.room_identity(row))
            stays.setdefault(room, []).append((plain(key), interval))
    return {room: Occupancy(taken) for room, taken in stays.items()}

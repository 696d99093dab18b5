"""Bulk writes: what many rows of one model were, and became, to everybody they concern."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.db import models

from scheduler_realtime.binding import ScheduleBinding
from scheduler_realtime.conf import conf
from scheduler_realtime.paging import pages

from .dependents import Tellings
from .drafts import Change, record, resync
from .links import LinkTellings
from .rows import PAGE, TOO_MANY, Rows, TooManyRows, bindings_for, by_key, locked, touched


class BulkWrite:
    """A write of rows of one model: begin before it, end after it, in its transaction.

    Beyond `CAPTURE_LIMIT` rows nothing is kept of them, and everyone is told to read afresh.
    """

    def __init__(self, model: type[models.Model], using: str) -> None:
        self.model, self.using = model, using
        self.bindings = bindings_for(model, using)
        self.before: dict[ScheduleBinding, Rows] = {binding: {} for binding in self.bindings}
        self.tellings = Tellings(model, using)
        self.links = LinkTellings(model, using)
        self.is_too_much = False

    @property
    def concerns_anybody(self) -> bool:
        """Whether a binding wants to know of it: if none does, it is Django's alone."""
        return bool(self.bindings or self.tellings.dependencies or self.links.watched)

    def begin(self, rows: models.QuerySet[Any], values: Mapping[str, Any] | None = None) -> None:
        """Read and lock what the rows are; `values` is what an update is about to set."""
        with self._bounded() as limit:
            for binding in self.bindings:
                concerned = touched(binding, self.model, rows, self.using)
                self.before[binding] |= locked(concerned, limit)
            self.tellings.begin(rows, limit)
            self.links.begin(rows, values or {}, limit)

    def begin_new(self, objects: Collection[models.Model], existing: Collection[Any] = ()) -> None:
        """The same for what is about to be created, and the keys of what is there already."""
        with self._bounded() as limit:
            if len(objects) > limit:
                raise TooManyRows
            self.links.begin_new(objects, limit)
        everything: models.QuerySet[Any] = models.QuerySet(self.model, using=self.using)
        for page in pages(sorted(existing) if not self.is_too_much else (), PAGE):
            self.begin(everything.filter(pk__in=page))

    @property
    def keys(self) -> set[Any] | None:
        """The keys of all the rows that were read; None where not all of them were, but some."""
        if self.is_too_much:
            return None
        read = [(binding.model, rows) for binding, rows in self.before.items()]
        for model, rows in [*read, *self.tellings.sources.items()]:
            if issubclass(self.model, model):
                return set(rows)
        return self.links.keys if self.links.watched else None

    def begin_everywhere(self) -> None:
        """See every list that new rows of a table between could be in."""
        with self._bounded() as limit:
            self.links.begin_everywhere(limit)

    def end(self) -> None:
        """Tell what differs."""
        if self.is_too_much:
            resync(self.using, TOO_MANY)
            return
        for binding, rows in self.before.items():
            self._record(binding, rows)
        self.tellings.end()
        self.links.end()

    def record_new(self, keys: Collection[Any]) -> None:
        """Tell of rows with these keys that there were not before, as they are now."""
        for binding in self.bindings if not self.is_too_much else ():
            new = [key for key in keys if key not in self.before[binding]]
            for page in pages(new, PAGE):
                rows = touched(binding, self.model, page, self.using)
                record(binding, [(None, row) for row in rows], using=self.using)

    def arrived(self, binding: ScheduleBinding, rows: models.QuerySet[Any]) -> list[models.Model]:
        """Those of the binding's rows that are there now and were not before.

        Raises `TooManyRows` where they are more than are told of.
        """
        known, limit = self.before[binding], conf().CAPTURE_LIMIT
        now = touched(binding, self.model, rows, self.using).order_by("pk")
        new = (row for row in now.iterator(chunk_size=PAGE) if row.pk not in known)
        found = list(islice(new, limit + 1))
        if len(found) > limit:
            raise TooManyRows
        return found

    def _record(self, binding: ScheduleBinding, rows: Rows) -> None:
        for page in pages(rows, PAGE):
            after = by_key(binding.rows(self.using), page)
            pairs: list[Change] = [(rows[key], after.get(key)) for key in page]
            record(binding, pairs, using=self.using)

    @contextmanager
    def _bounded(self) -> Iterator[int]:
        """Hand out the limit; where it was exceeded, nothing of the rows is kept."""
        try:
            yield conf().CAPTURE_LIMIT
        except TooManyRows:
            self.is_too_much = True
        if self.is_too_much:
            self.before = {binding: {} for binding in self.bindings}
            self.tellings.sources.clear()
            self.links.seen.clear()
            self.links.keys.clear()

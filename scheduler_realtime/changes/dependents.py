"""Dependents: objects that change because a row of another model does, as `depends_on` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from scheduler_realtime import log, registry
from scheduler_realtime.binding import ScheduleBinding, keys_along, value_at
from scheduler_realtime.conf import conf

from .drafts import record, resync
from .rows import TOO_MANY, Rows, TooManyRows, by_key, in_pages, locked, sharing


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """`path` leads over `hops` to a row of `source`, and from there on over `rest`."""

    binding: ScheduleBinding
    source: type[models.Model]
    path: str
    hops: tuple[str, ...]
    rest: str


_dependencies: Final[dict[type[models.Model], list[Dependency]]] = {}


def watch(binding: ScheduleBinding) -> Iterator[type[models.Model]]:
    """Remember what the binding depends on, and name the models whose rows it is.

    A path that leads nowhere is passed over: the system check says so.
    """
    for path in binding.depends_on:
        steps = path.split(".")
        for place, key in enumerate(keys_along(binding.model, path) or (), start=1):
            source = key.related_model._meta.concrete_model
            found = Dependency(
                binding=binding,
                source=source,
                path=path,
                hops=tuple(steps[:place]),
                rest=".".join(steps[place:]),
            )
            _dependencies.setdefault(source, []).append(found)
            yield key.related_model


def dependents_of(model: type[models.Model], using: str) -> tuple[Dependency, ...]:
    """The dependencies, in force, on rows of this model, of its parents and of its children."""
    if not _dependencies or using != log.database():
        return ()
    concrete: Any = model._meta.concrete_model
    return tuple(
        dependency
        for source, found in _dependencies.items()
        if issubclass(model, source) or issubclass(source, concrete)
        for dependency in found
        if registry.is_bound(dependency.binding)
    )


class Tellings:
    """What rows of a model are about to change for others: begin before the write, end after it."""

    def __init__(self, model: type[models.Model], using: str) -> None:
        self.model, self.using = model, using
        self.dependencies = dependents_of(model, using)
        self.sources: dict[type[models.Model], Rows] = {}

    def begin(self, sources: models.QuerySet[Any], limit: int | None = None) -> None:
        """Read and lock the rows others depend on, where there are such others.

        Raises `TooManyRows` for more of them than `limit`.
        """
        for model in {dependency.source for dependency in self.dependencies}:
            rows = sharing(model, self.model, sources, self.using)
            self.sources.setdefault(model, {}).update(locked(rows, limit))

    def end(self) -> None:
        """Tell what differs as a change of every object that depends on it."""
        for model, sources in self.sources.items():
            found = [each for each in self.dependencies if each.source is model]
            for row in in_pages(models.QuerySet(model, using=self.using), sources):
                for dependency in found:
                    self._tell(dependency, sources[row.pk], row)

    def _tell(self, dependency: Dependency, source: models.Model, now: models.Model) -> None:
        old, new = value_at(source, dependency.rest), value_at(now, dependency.rest)
        if old == new:
            return
        binding, lookup = dependency.binding, "__".join(dependency.hops)
        rows = binding.rows(self.using).filter(**{lookup: source})
        try:
            before = locked(rows, conf().CAPTURE_LIMIT)
        except TooManyRows:
            resync(self.using, TOO_MANY)
            return
        after = by_key(binding.rows(self.using), before)
        for row in before.values():
            _put(row, dependency.hops, source)
        pairs = [(row, after[key]) for key, row in before.items()]
        record(binding, pairs, using=self.using, extra=(dependency.path, old, new))


def _put(row: models.Model, hops: Iterable[str], source: models.Model) -> None:
    """Set the row as it was before: with the old source at the end of the path."""
    *relations, last = hops
    found: Any = row
    for name in relations:
        found = getattr(found, name)
    setattr(found, last, source)

"""Links: the rows between two models of a many-to-many field, and whose list they change."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from scheduler_realtime import log, registry
from scheduler_realtime.binding import ScheduleBinding

from .drafts import record
from .pictures import look
from .rows import by_key, in_pages, locked_keys

Model = type[models.Model]


@dataclass(frozen=True)
class Watched:
    """A many-to-many field, and the binding that tells its changes."""

    binding: ScheduleBinding
    field: Any

    @property
    def owner(self) -> str:
        """The name, in the table between, of the key to the binding's object."""
        return str(self.field.m2m_field_name())

    @property
    def target(self) -> str:
        """The name of the other key there."""
        return str(self.field.m2m_reverse_field_name())

    @property
    def key(self) -> models.ForeignKey[Any, Any]:
        """The key to the binding's object."""
        key: models.ForeignKey[Any, Any] = self.through._meta.get_field(self.owner)
        return key

    @property
    def through(self) -> Any:
        return self.field.remote_field.through

    def links(self, using: str, **condition: Any) -> models.QuerySet[Any]:
        """Rows of the table between."""
        return models.QuerySet(self.through, using=using).filter(**condition)

    def owners(self, using: str, **condition: Any) -> set[Any]:
        """The keys of the objects that such rows belong to."""
        links = self.links(using, **condition)
        return set(links.values_list(f"{self.owner}__pk", flat=True)) - {None}

    def lists(self, owners: Collection[Any], using: str) -> dict[Any, list[Any]]:
        """The keys of what each of these objects points to."""
        found: dict[Any, list[Any]] = {key: [] for key in owners}
        links = self.links(using).values_list(f"{self.owner}__pk", f"{self.target}__pk")
        for owner, target in in_pages(links, owners, f"{self.owner}__pk"):
            if target is not None:
                found[owner].append(target)
        return {owner: sorted(targets) for owner, targets in found.items()}


@dataclass(frozen=True)
class Seen:
    """Objects before a change of what they point to: what the binding says of them, and the lists."""

    watched: Watched
    pictures: dict[Any, Any]
    lists: dict[Any, list[Any]]


_by_through: Final[dict[Model, list[Watched]]] = {}
_by_target: Final[dict[Model, list[Watched]]] = {}


def watch(binding: ScheduleBinding) -> Iterator[tuple[Model, Model]]:
    """The tables between, and the targets, whose writes matter to the binding."""
    for field in binding.many_to_many():
        through: Any = field.remote_field.through
        target: Any = field.related_model
        _by_through.setdefault(through, []).append(Watched(binding, field))
        _by_target.setdefault(target._meta.concrete_model, []).append(Watched(binding, field))
        yield through, target


def links_of(through: Any, using: str) -> list[Watched]:
    """The watched fields, in force, whose table between this is."""
    return _in_force(_by_through.get(through._meta.concrete_model, ()), using)


def links_to(target: Any, using: str) -> list[Watched]:
    """The watched fields, in force, that point to this model."""
    return _in_force(_by_target.get(target._meta.concrete_model, ()), using)


def _in_force(watched: Collection[Watched], using: str) -> list[Watched]:
    if not watched or using != log.database():
        return []
    return [each for each in watched if registry.is_bound(each.binding)]


def see(watched: Watched, owners: Collection[Any], using: str) -> Seen:
    """Lock the owners, and see what they point to, before that changes."""
    rows = locked_keys(watched.binding.rows(using), owners)
    pictures = look(watched.binding, rows.values(), using)
    return Seen(watched, pictures, watched.lists(list(rows), using))


def tell(seen: Seen, using: str, other: Any = None) -> None:
    """Tell what differs since.

    `other` was added to, whose own key Django writes into the lists at the far end only later.
    """
    binding, name = seen.watched.binding, seen.watched.field.name
    now = seen.watched.lists(list(seen.lists), using)
    if other is not None and seen.watched.field.remote_field.symmetrical:
        for key in now.keys() - {other}:
            now[key] = sorted({*now[key], other})
    differing = [key for key, targets in seen.lists.items() if now[key] != targets]
    for key, row in by_key(binding.rows(using), differing).items():
        pair = (seen.pictures[key], row)
        record(binding, [pair], using=using, extra=(name, seen.lists[key], now[key]))

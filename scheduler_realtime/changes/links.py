"""Links: the rows between two models of a many-to-many field, and whose list they change."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from scheduler_realtime import log, registry
from scheduler_realtime.binding import ScheduleBinding

from .drafts import record
from .pictures import look
from .rows import TooManyRows, by_key, in_pages, locked_keys

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

    def owners_of(self, keys: Collection[Any], using: str) -> set[Any]:
        """The keys of the objects that the links of these keys belong to."""
        owners = self.links(using).values_list(f"{self.owner}__pk", flat=True)
        return set(in_pages(owners, keys)) - {None}

    def owners_named(self, values: Collection[Any], using: str) -> set[Any]:
        """The keys of the objects that the key to them names by these values."""
        rows = self.binding.rows(using).values_list("pk", flat=True)
        return set(in_pages(rows, values, self.key.target_field.name))

    def owners_to_be(
        self, rows: models.QuerySet[Any], values: Mapping[str, Any], using: str
    ) -> set[Any]:
        """The keys of the objects that an update of such links to these `values` gives them to."""
        names = {self.key.name, self.key.attname} & values.keys()
        given = [values[name] for name in names]
        found: set[Any] = set()
        for value in given:
            if hasattr(value, "resolve_expression"):
                to_be = rows.order_by().annotate(scheduler_realtime_to_be=value)
                found.update(to_be.values_list("scheduler_realtime_to_be", flat=True))
            elif isinstance(value, models.Model):
                found.add(getattr(value, self.key.target_field.attname))
            else:
                found.add(value)
        return self.owners_named(found - {None}, using)

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


class LinkTellings:
    """Whose lists a write of rows of a table between changes: begin before it, end after it."""

    def __init__(self, through: Model, using: str) -> None:
        self.using = using
        self.watched = links_of(through, using)
        self.keys: set[Any] = set()
        self.seen: dict[Watched, list[Seen]] = {}

    def begin(self, rows: models.QuerySet[Any], values: Mapping[str, Any], limit: int) -> None:
        """See the owners of these rows, and those that the new values will make their owners.

        Raises `TooManyRows` for more of them than `limit`.
        """
        if not self.watched:
            return
        keys = set(rows.using(self.using).order_by().values_list("pk", flat=True)[: limit + 1])
        if len(keys) > limit:
            raise TooManyRows
        self.keys |= keys
        for watched in self.watched:
            self._see(watched, watched.owners_to_be(rows, values, self.using), limit)
            # Once more: a link may have moved until its owner was locked.
            for _ in range(2):
                self._see(watched, watched.owners_of(keys, self.using), limit)

    def begin_new(self, links: Collection[models.Model], limit: int) -> None:
        """See the owners of links that do not exist yet."""
        for watched in self.watched:
            named = {getattr(link, watched.key.attname) for link in links}
            self._see(watched, watched.owners_named(named, self.using), limit)

    def begin_everywhere(self, limit: int) -> None:
        """See every object that could become the owner of a link."""
        for watched in self.watched:
            keys = watched.binding.rows(self.using).values_list("pk", flat=True)
            self._see(watched, set(keys[: limit + 1]), limit)

    def has_strangers(self, rows: models.QuerySet[Any]) -> bool:
        """Whether one of these links belongs to an owner that was not seen before."""
        keys = rows.using(self.using).order_by().values("pk")
        return any(
            watched.owners(self.using, pk__in=keys) - self._known(watched)
            for watched in self.watched
        )

    def end(self) -> None:
        """Tell what differs since in the lists of those owners."""
        for found in self.seen.values():
            for seen in found:
                tell(seen, self.using)

    def _see(self, watched: Watched, owners: Collection[Any], limit: int) -> None:
        new = set(owners) - self._known(watched)
        if len(new) > limit:
            raise TooManyRows
        self.seen.setdefault(watched, []).append(see(watched, new, self.using))

    def _known(self, watched: Watched) -> set[Any]:
        return {key for seen in self.seen.get(watched, ()) for key in seen.lists}

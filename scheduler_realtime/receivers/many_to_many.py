"""Many-to-many changes of tracked fields: from either side, by a link's own row, by a delete."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import models
from django.db.models import Q

from scheduler_realtime import changes, log, registry
from scheduler_realtime.binding import ScheduleBinding

Model = type[models.Model]

_BEFORE: Final = "_scheduler_realtime_many_before"


@dataclass(frozen=True)
class _Watched:
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

    def links(self, using: str, **condition: Any) -> models.QuerySet[Any]:
        """Rows of the table between."""
        return models.QuerySet(self.field.remote_field.through, using=using).filter(**condition)

    def owners(self, using: str, **condition: Any) -> set[Any]:
        """The keys of the objects that such rows belong to."""
        return set(self.links(using, **condition).values_list(f"{self.owner}__pk", flat=True))

    def lists(self, owners: Collection[Any], using: str) -> dict[Any, list[Any]]:
        """The keys of what each of these objects points to."""
        found: dict[Any, list[Any]] = {key: [] for key in owners}
        links = self.links(using, **{f"{self.owner}__pk__in": list(owners)})
        for owner, target in links.values_list(f"{self.owner}__pk", f"{self.target}__pk"):
            if target is not None:
                found[owner].append(target)
        return {owner: sorted(targets) for owner, targets in found.items()}


@dataclass(frozen=True)
class _Seen:
    """Objects before a change of what they point to: what the binding says of them, and the lists."""

    watched: _Watched
    pictures: dict[Any, Any]
    lists: dict[Any, list[Any]]


_by_through: Final[dict[Model, list[_Watched]]] = {}
_by_target: Final[dict[Model, list[_Watched]]] = {}


def watch(binding: ScheduleBinding) -> Iterator[tuple[Model, Model]]:
    """The tables between, and the targets, whose signals matter to the binding."""
    for field in binding.many_to_many():
        through: Any = field.remote_field.through
        target: Any = field.related_model
        _by_through.setdefault(through, []).append(_Watched(binding, field))
        _by_target.setdefault(target._meta.concrete_model, []).append(_Watched(binding, field))
        yield through, target


def on_changed(
    sender: Model,
    instance: models.Model,
    action: str,
    reverse: bool,
    pk_set: set[Any] | None,
    using: str,
    **kwargs: Any,
) -> None:
    """Before: lock the owners and see what they point to. After: tell what differs."""
    when, _, deed = action.partition("_")
    slot = f"{_BEFORE}_{sender._meta.label_lower}_{deed}"
    if when == "post":
        is_half_done = deed == "add" and not reverse
        _end(instance, slot, using, other=instance.pk if is_half_done else None)
        return
    instance.__dict__[slot] = [
        _begin(watched, _owners(watched, instance, reverse, pk_set, using), using)
        for watched in _in_force(_by_through, sender, using)
    ]


def on_target_deleting(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """See who points to what is about to go: Django clears the table between without a word."""
    instance.__dict__[_BEFORE] = [
        _begin(watched, watched.owners(using, **{watched.target: instance}), using)
        for watched in _in_force(_by_target, sender._meta.concrete_model, using)
    ]


def on_target_deleted(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """Tell that they point to it no more."""
    _end(instance, _BEFORE, using)


def on_link_changing(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """See the owners of a row of the table between that is saved or deleted by itself."""
    instance.__dict__[_BEFORE] = [
        _begin(watched, _owners_of_link(watched, instance, using), using)
        for watched in _in_force(_by_through, sender, using)
    ]


def on_link_changed(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """Tell what that changed."""
    _end(instance, _BEFORE, using)


def _in_force(watched: dict[Model, list[_Watched]], model: Any, using: str) -> Iterable[_Watched]:
    if using != log.database():
        return ()
    return [each for each in watched.get(model, ()) if registry.is_bound(each.binding)]


def _begin(watched: _Watched, owners: Collection[Any], using: str) -> _Seen:
    rows = changes.locked(watched.binding.rows(using).filter(pk__in=list(owners)))
    pictures = changes.look(watched.binding, rows.values(), using)
    return _Seen(watched, pictures, watched.lists(list(rows), using))


def _end(instance: models.Model, slot: str, using: str, other: Any = None) -> None:
    """`other` was added to, whose own key Django writes into the lists at the far end only later."""
    for seen in instance.__dict__.pop(slot, ()):
        binding, name = seen.watched.binding, seen.watched.field.name
        now = seen.watched.lists(list(seen.lists), using)
        if other is not None and seen.watched.field.remote_field.symmetrical:
            for key in now.keys() - {other}:
                now[key] = sorted({*now[key], other})
        differing = [key for key, targets in seen.lists.items() if now[key] != targets]
        rows = binding.rows(using).in_bulk(differing) if differing else {}
        for key, row in rows.items():
            pair = (seen.pictures[key], row)
            changes.record(binding, [pair], using=using, extra=(name, seen.lists[key], now[key]))


def _owners(
    watched: _Watched, instance: models.Model, reverse: bool, pk_set: set[Any] | None, using: str
) -> set[Any]:
    """The objects whose list changes: of a symmetrical relation, those at both ends."""
    is_symmetrical = watched.field.remote_field.symmetrical
    owners = set() if reverse else {instance.pk}
    if (reverse or is_symmetrical) and pk_set is not None:
        return owners | pk_set
    if reverse or is_symmetrical:
        return owners | watched.owners(using, **{watched.target: instance})
    return owners


def _owners_of_link(watched: _Watched, link: models.Model, using: str) -> set[Any]:
    """Whose row it is, and whose it was."""
    key: Any = link._meta.get_field(watched.owner)
    now = Q(**{key.target_field.name: getattr(link, key.attname)})
    before = watched.owners(using, pk=link.pk) if link.pk is not None else set()
    rows = watched.binding.rows(using).filter(now | Q(pk__in=before))
    return set(rows.values_list("pk", flat=True))

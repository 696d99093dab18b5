"""Changes that reach an object from elsewhere: a key the database sets null, a value it depends on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from scheduler_realtime import changes
from scheduler_realtime.binding import ScheduleBinding

from . import saves

# Deletions that Django tells of object by object, or forbids, or leaves to fail.
_SEEN_ELSEWHERE: Final = (models.CASCADE, models.PROTECT, models.RESTRICT, models.DO_NOTHING)

_BEFORE: Final = "_scheduler_realtime_related_before"


@dataclass(frozen=True, kw_only=True)
class _Dependency:
    """`path` leads over `lookup` to a row of another model and there to `field`."""

    binding: ScheduleBinding
    path: str
    lookup: str
    field: models.Field[Any, Any]


_keys: Final[dict[type[models.Model], list[tuple[ScheduleBinding, str]]]] = {}
_dependencies: Final[dict[type[models.Model], list[_Dependency]]] = {}


def watch_keys(binding: ScheduleBinding) -> Iterator[type[models.Model]]:
    """The models whose deletion changes a tracked key without a signal of its own."""
    for field in binding.fields:
        if isinstance(field, models.ForeignKey):
            target: Any = field.related_model
            if field.remote_field.on_delete not in _SEEN_ELSEWHERE:
                _keys.setdefault(target, []).append((binding, field.name))
                yield target


def watch_dependencies(binding: ScheduleBinding) -> Iterator[type[models.Model]]:
    """The models on the paths of `depends_on`."""
    for path in binding.depends_on:
        model: Any = binding.model
        hops = path.split(".")
        for place, hop in enumerate(hops):
            field = model._meta.get_field(hop)
            if place and isinstance(field, models.Field):
                lookup = "__".join(hops[:place])
                _dependencies.setdefault(model, []).append(
                    _Dependency(binding=binding, path=path, lookup=lookup, field=field)
                )
                yield model
            model = field.related_model


def on_target_deleting(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Read and lock the objects that point to what is about to go."""
    instance.__dict__[_BEFORE] = [
        (binding, changes.locked(binding, rows, using))
        for model in sender.__mro__
        for binding, name in _keys.get(model, ())
        for rows in [changes.rows_of(binding, using).filter(**{name: instance.pk})]
    ]


def on_target_deleted(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Tell what became of them."""
    for binding, before in instance.__dict__.pop(_BEFORE, ()):
        after = changes.rows_of(binding, using).in_bulk(list(before))
        pairs = [(row, after.get(key)) for key, row in before.items()]
        changes.record(binding, pairs, using=using)


def on_source_saving(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Read what others depend on before it changes."""
    if instance.pk is not None and not instance._state.adding:  # noqa: SLF001 - Django documents it
        rows = sender._base_manager.using(using).filter(pk=instance.pk)
        saves.current().source = rows.select_for_update().first()


def on_source_saved(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Tell the change as one of every object that depends on it."""
    source = saves.current().source
    if source is None:
        return
    now = sender._base_manager.using(using).get(pk=instance.pk)
    for model in sender.__mro__:
        for dependency in _dependencies.get(model, ()):
            name = dependency.field.attname
            old, new = getattr(source, name), getattr(now, name)
            if old != new:
                _tell(dependency, source, old, new, using)


def _tell(
    dependency: _Dependency, source: models.Model, old: object, new: object, using: str
) -> None:
    binding = dependency.binding
    rows = changes.rows_of(binding, using).filter(**{dependency.lookup: source.pk})
    before = changes.locked(binding, rows, using)
    after = rows.in_bulk(list(before))
    if "__" not in dependency.lookup:
        for row in before.values():  # as it was: with the old row at the end of the path
            setattr(row, dependency.lookup, source)
    pairs = [(row, after.get(key)) for key, row in before.items()]
    changes.record(binding, pairs, using=using, extra=(dependency.path, old, new))

"""Cascades: what becomes of rows whose key leads to what is deleted, and who does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import models

from scheduler_realtime.binding import ScheduleBinding

# Deletions that Django tells of object by object, or forbids, or leaves to fail.
_SEEN_ELSEWHERE: Final = (models.CASCADE, models.PROTECT, models.RESTRICT, models.DO_NOTHING)

# Django 6.1: the database deletes by itself, and nobody hears of it.
_DB_CASCADE: Final = getattr(models, "DB_CASCADE", None)

Key = models.ForeignKey[Any, Any]


def keys_of(model: type[models.Model]) -> list[Key]:
    """The model's keys to other models."""
    return [each for each in model._meta.concrete_fields if isinstance(each, models.ForeignKey)]


def is_by_database(key: Any) -> bool:
    """Whether the database itself deletes the row or sets the key: of Django 6.1."""
    return hasattr(getattr(key.remote_field, "on_delete", None), "on_delete_sql")


def silent_keys(binding: ScheduleBinding) -> Iterator[Key]:
    """The keys by which a delete elsewhere deletes or changes the binding's rows unsaid."""
    for key in keys_of(binding.model):
        on_delete = key.remote_field.on_delete
        is_silent = key in binding.fields and on_delete not in _SEEN_ELSEWHERE
        if is_silent or _cascades_in_database(key):
            yield key


def reach(key: Key) -> Iterator[tuple[type[models.Model], str]]:
    """The models whose deletion reaches a row over this key, and the lookup from the row to them.

    A database goes on by itself: what it deletes may be what another of its cascades leads to.
    """
    yield from _reach(key, key.name, frozenset())


def _reach(
    key: Key, lookup: str, passed: frozenset[type[models.Model]]
) -> Iterator[tuple[type[models.Model], str]]:
    target: Any = key.related_model
    yield target, lookup
    if target in passed:  # a tree in one table has no end
        return
    for further in filter(_cascades_in_database, keys_of(target)):
        yield from _reach(further, f"{lookup}__{further.name}", passed | {target})


def _cascades_in_database(key: Key) -> bool:
    return _DB_CASCADE is not None and key.remote_field.on_delete is _DB_CASCADE

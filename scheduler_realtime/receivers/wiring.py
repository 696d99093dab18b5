"""Which receiver hears which model, decided once for every binding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import signals
from django.dispatch import Signal

from scheduler_realtime import registry
from scheduler_realtime.binding import ScheduleBinding

from . import deletes, many_to_many, related, saves


def listen() -> None:
    """Hear every binding's model from now on, and what its objects depend on."""
    registry.when_bound(_hear)


def _hear(binding: ScheduleBinding) -> None:
    for model in _family(binding.model):
        saves.wrap(model)
        _connect(signals.pre_save, saves.on_saving, model)
        _connect(signals.post_save, saves.on_saved, model)
        _connect(signals.pre_delete, deletes.on_deleting, model)
        _connect(signals.post_delete, deletes.on_deleted, model)
    for through in many_to_many.watch(binding):
        _connect(signals.m2m_changed, many_to_many.on_changed, through)
    for target in related.watch_keys(binding):
        for model in _family(target):
            _connect(signals.pre_delete, related.on_target_deleting, model)
            _connect(signals.post_delete, related.on_target_deleted, model)
    for source in related.watch_dependencies(binding):
        for model in _family(source):
            saves.wrap(model)
            _connect(signals.pre_save, related.on_source_saving, model)
            _connect(signals.post_save, related.on_source_saved, model)


def _family(model: type[models.Model]) -> Iterator[type[models.Model]]:
    """The model, its proxies and its children: Django sends signals for each by itself."""
    yield model
    for other in apps.get_models(include_auto_created=True):
        if other is not model and issubclass(other, model):
            yield other


def _connect(signal: Signal, receiver: Callable[..., Any], sender: type[models.Model]) -> None:
    uid = f"scheduler_realtime.{receiver.__module__}.{receiver.__qualname__}"
    signal.connect(receiver, sender=sender, dispatch_uid=uid)

"""Which receiver hears which model, decided once for every binding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model, user_logged_out
from django.db import models
from django.db.models import signals
from django.dispatch import Signal

from scheduler_realtime import registry, revocation
from scheduler_realtime.binding import ScheduleBinding
from scheduler_realtime.changes import dependents, links
from scheduler_realtime.querysets import captures, take_over

from . import deletes, many_to_many, people, saves, sources, targets


def listen() -> None:
    """Hear every binding's model from now on, what its objects depend on, and the host's users."""
    registry.when_bound(_hear)
    _hear_users()


def _hear_users() -> None:
    """Hear what changes a user's rights, as far as the user model has it."""
    user_model = get_user_model()
    for model in registry.kin(user_model):
        saves.wrap(model)
        _connect(signals.post_save, people.on_user_saved, model)
        _connect(signals.post_delete, people.on_user_deleted, model)
    for through in people.memberships(user_model):
        _connect(signals.m2m_changed, people.on_membership_changed, through)
        if not through._meta.auto_created:
            _hear_everybodys(through, people.on_everybodys_changed)
    for model in people.group_models(user_model):
        _hear_everybodys(model, people.on_group_saved)
        for through in people.memberships(model):
            _connect(signals.m2m_changed, people.on_everybodys_changed, through)
    user_logged_out.connect(people.on_logged_out, dispatch_uid=_uid(people.on_logged_out))
    if revocation.is_installed():
        _connect(signals.post_save, people.on_blacklisted, revocation.blacklisted_model())


def _hear_everybodys(model: type[models.Model], on_saved: Callable[..., None]) -> None:
    for each in registry.kin(model):
        saves.wrap(each)
        _connect(signals.post_save, on_saved, each)
        _connect(signals.post_delete, people.on_everybodys_changed, each)


def _hear(binding: ScheduleBinding) -> None:
    for model in registry.kin(binding.model):
        saves.wrap(model)
        take_over(model)
        _connect(signals.pre_save, saves.on_saving, model)
        _connect_first(signals.post_save, saves.on_saved, model)
        _connect(signals.pre_delete, deletes.on_deleting, model)
        _connect_first(signals.post_delete, deletes.on_deleted, model)
    _hear_many_to_many(binding)
    for target in targets.watch(binding):
        for model in _proxied(target):
            _connect(signals.pre_delete, targets.on_target_deleting, model)
            _connect_first(signals.post_delete, targets.on_target_deleted, model)
    for source in dependents.watch(binding):
        for model in registry.kin(source):
            saves.wrap(model)
            take_over(model)
            _connect(signals.pre_save, sources.on_source_saving, model)
            _connect_first(signals.post_save, sources.on_source_saved, model)


def _hear_many_to_many(binding: ScheduleBinding) -> None:
    for through, target in links.watch(binding):
        for model in _proxied(target):
            _connect(signals.pre_delete, many_to_many.on_target_deleting, model)
            _connect_first(signals.post_delete, many_to_many.on_target_deleted, model)
        if not through._meta.auto_created:
            _hear_links(through)
        # What captures tells of `add()` by itself, and of `remove()` by each link's delete.
        if through._meta.auto_created or not captures(through._default_manager):
            _connect_first(signals.m2m_changed, many_to_many.on_changed, through)


def _hear_links(through: type[models.Model]) -> None:
    saves.wrap(through)
    take_over(through)
    _connect(signals.pre_save, many_to_many.on_link_changing, through)
    _connect_first(signals.post_save, many_to_many.on_link_changed, through)
    _connect(signals.pre_delete, many_to_many.on_link_changing, through)
    _connect_first(signals.post_delete, many_to_many.on_link_changed, through)


def _proxied(model: type[models.Model]) -> Iterable[type[models.Model]]:
    """The model and its proxies."""
    concrete = model._meta.concrete_model
    return [other for other in apps.get_models() if other._meta.concrete_model is concrete]


def _connect(signal: Signal, receiver: Callable[..., Any], sender: type[models.Model]) -> None:
    signal.connect(receiver, sender=sender, dispatch_uid=_uid(receiver))


def _connect_first(
    signal: Signal, receiver: Callable[..., Any], sender: type[models.Model]
) -> None:
    """Hear what was done before the host's own receivers do more to the same object.

    A save inside a host's `post_save` would otherwise be told before the save it came from.
    """
    _connect(signal, receiver, sender)
    key = (_uid(receiver), id(sender))
    with signal.lock:
        place = next(n for n, found in enumerate(signal.receivers) if found[0] == key)
        signal.receivers.insert(0, signal.receivers.pop(place))
        signal.sender_receivers_cache.clear()


def _uid(receiver: Callable[..., Any]) -> str:
    return f"scheduler_realtime.{receiver.__module__}.{receiver.__qualname__}"

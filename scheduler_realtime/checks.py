"""System checks: what is missing or cannot work, each with the hint that mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, models, router
from django.utils.module_loading import import_string

from . import conflicts, deployment, entitlement, log, presence, registry
from .binding import ScheduleBinding, keys_along
from .changes import cascades
from .conf import conf, readable_conf, unknown_keys
from .querysets import uncaptured

Found = Iterator[checks.CheckMessage]

BLOCKING_READ = 5
"""Seconds for which the core layer of channels_redis waits for a message at a time."""

IN_MEMORY = "channels.layers.InMemoryChannelLayer"


def register_all() -> None:
    """Have `manage.py check` run what is below."""
    for check in (
        check_settings,
        check_application,
        check_layer,
        check_bindings,
        *entitlement.ALL,
        check_writes,
        check_conflicts,
        check_database,
    ):
        checks.register(_listed(check), "scheduler_realtime")
    for check in deployment.ALL:
        checks.register(_listed(check), "scheduler_realtime", deploy=True)


def _listed(check: Callable[[], Found]) -> Callable[..., list[checks.CheckMessage]]:
    """The check as Django wants it; one that stumbles over a host's code says so."""

    def run(
        app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
    ) -> list[checks.CheckMessage]:
        found = []
        try:
            # One by one: what was found before it stumbled is kept.
            for complaint in check():
                found.append(complaint)  # noqa: PERF402
        except Exception as error:  # noqa: BLE001 - a host's code fails with its own errors
            found.append(
                checks.Warning(
                    f"{check.__name__} could not look at everything: {error!r}.",
                    hint="Mend what it stumbled over, and check again.",
                    id="scheduler_realtime.W013",
                )
            )
        return found

    return run


def check_settings() -> Found:
    """Keys that mean nothing, and values that cannot be used."""
    for key in unknown_keys():
        yield checks.Error(
            f"SCHEDULER_REALTIME has an unknown key {key!r}.",
            hint="Correct its spelling or take it out; the README lists every setting.",
            id="scheduler_realtime.E001",
        )
    try:
        if (path := conf().ROLES) is not None:
            _import_roles(path)
        presence.check()
    except ImproperlyConfigured as error:
        yield checks.Error(
            str(error),
            hint="Correct the value, or take it out to have the default.",
            id="scheduler_realtime.E002",
        )


def _import_roles(path: str) -> None:
    try:
        roles = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"SCHEDULER_REALTIME['ROLES'] cannot be imported: {error}."
        ) from None
    if not callable(roles):
        raise ImproperlyConfigured(f"SCHEDULER_REALTIME['ROLES'] names {path!r}, no function.")


def check_application() -> Found:
    """What a socket cannot be opened without."""
    if not apps.is_installed("channels"):
        yield checks.Error(
            "`channels` is not in INSTALLED_APPS.",
            hint='Add "channels" to INSTALLED_APPS.',
            id="scheduler_realtime.E003",
        )
    if not getattr(settings, "ASGI_APPLICATION", None):
        yield checks.Error(
            "ASGI_APPLICATION is not set, so no server can open a socket.",
            hint='Set ASGI_APPLICATION = "yourproject.asgi.application", and there'
            " application = RealtimeApplication(get_asgi_application()).",
            id="scheduler_realtime.E004",
        )


def check_layer() -> Found:
    """A channel layer that is missing, or does not reach other processes."""
    alias = readable_conf().CHANNEL_LAYER
    layers = getattr(settings, "CHANNEL_LAYERS", None)
    layer = layers.get(alias) if isinstance(layers, Mapping) else None
    backend = layer.get("BACKEND") if isinstance(layer, Mapping) else None
    if not isinstance(backend, str):
        yield checks.Error(
            f"CHANNEL_LAYERS has no layer {alias!r} with a BACKEND.",
            hint=f'Set CHANNEL_LAYERS = {{"{alias}": {{"BACKEND": "{IN_MEMORY}"}}}} for one'
            " process, or a channels_redis layer for several.",
            id="scheduler_realtime.E005",
        )
    elif backend == IN_MEMORY and not settings.DEBUG:
        yield checks.Error(
            "The in-memory channel layer is used with DEBUG off: no other process is rung.",
            hint='Use "channels_redis.pubsub.RedisPubSubChannelLayer". For a single process on'
            ' purpose, add "scheduler_realtime.E006" to SILENCED_SYSTEM_CHECKS.',
            id="scheduler_realtime.E006",
        )
    elif backend.startswith("channels_redis.core."):
        yield from _check_timeout(layer or {})


def _check_timeout(layer: Mapping[str, Any]) -> Found:
    config = layer.get("CONFIG") or {}
    hosts = config.get("hosts") if isinstance(config, Mapping) else None
    if not isinstance(hosts, list | tuple) or not all(map(_outlasts_a_wait, hosts or [None])):
        yield checks.Warning(
            "The Redis layer has no socket_timeout above 5 s: channels_redis waits as long for a"
            " message, redis-py's own is no longer, and idle sockets die of it.",
            hint='Give each host as {"address": ..., "socket_timeout": 20}.',
            id="scheduler_realtime.W007",
        )


def _outlasts_a_wait(host: object) -> bool:
    if not isinstance(host, Mapping) or "socket_timeout" not in host:
        return False
    timeout = host["socket_timeout"]
    return timeout is None or (isinstance(timeout, int | float) and timeout > BLOCKING_READ)


def check_bindings() -> Found:
    """Bindings that name what is not there, or cannot keep the promise."""
    for binding in registry.bindings():
        label = binding.model._meta.label
        for fault in binding.faults():
            yield checks.Error(
                f"The binding of {label}: {fault}.",
                hint="Correct the name in its ScheduleBinding or in SCHEDULER_REALTIME['MODELS'].",
                obj=binding.model,
                id="scheduler_realtime.E008",
            )
        if router.db_for_write(binding.model) != log.database():
            yield checks.Error(
                f"{label} is written to the database {router.db_for_write(binding.model)!r}, the"
                f" log to {log.database()!r}: no transaction holds both.",
                hint="Route the models of scheduler_realtime to the same database.",
                obj=binding.model,
                id="scheduler_realtime.E009",
            )


def check_conflicts() -> Found:
    """Models that are searched for what collides, by no index, or without hearing of it all."""
    for binding in registry.bindings() if readable_conf().CONFLICTS else ():
        if not binding.can_collide:
            continue
        if (index := conflicts.missing_index(binding)) is not None:
            yield checks.Warning(
                f"{binding.model._meta.label} has no index that begins with {index[0]!r}: each"
                " change has all of its table read for conflicts.",
                hint=f"Add models.Index(fields={index!r}) to its Meta.indexes, or set"
                " SCHEDULER_REALTIME['CONFLICTS'] to False.",
                obj=binding.model,
                id="scheduler_realtime.W015",
            )
        for name in conflicts.unheard(binding):
            yield checks.Warning(
                f"{binding.model._meta.label}.{name} decides what collides, and its change is not"
                " told: conflicts would be found late.",
                hint=f"Add {name!r} to `tracked` of its binding.",
                obj=binding.model,
                id="scheduler_realtime.W016",
            )


def check_writes() -> Found:
    """Writes that no signal and no manager tells of."""
    written = {model: None for binding in registry.bindings() for model in _written(binding)}
    for model in written:
        if names := uncaptured(model):
            yield checks.Warning(
                f"Bulk writes through {model._meta.label}.{', .'.join(names)} are not told.",
                hint="Derive its queryset from RealtimeQuerySet, its manager from RealtimeManager;"
                " or put `with capture(...)` around such writes.",
                obj=model,
                id="scheduler_realtime.W010",
            )
    for binding in registry.bindings():
        keys = {str(key): None for key in _keys(binding) if cascades.is_by_database(key)}
        if keys:
            yield checks.Warning(
                f"The database itself deletes or changes by {', '.join(keys)} what is told of"
                f" {binding.model._meta.label}, where anything but Django deletes the target.",
                hint="Delete the target through Django, or `with capture(...)`; or give the key"
                " models.CASCADE, SET_NULL or SET_DEFAULT.",
                obj=binding.model,
                id="scheduler_realtime.W014",
            )


def _written(binding: ScheduleBinding) -> Iterator[type[models.Model]]:
    """The models whose writes the binding tells of, but the tables Django puts between."""
    yield from registry.kin(binding.model)
    for through in _tables_between(binding):
        if not through._meta.auto_created:
            yield through
    for key in _hops(binding):
        yield from registry.kin(key.related_model)


def _keys(binding: ScheduleBinding) -> Iterator[models.Field[Any, Any]]:
    """The keys by which a delete elsewhere changes what the binding tells."""
    yield from cascades.silent_keys(binding)
    yield from _hops(binding)
    for through in _tables_between(binding):
        yield from cascades.keys_of(through)


def _tables_between(binding: ScheduleBinding) -> Iterator[Any]:
    for field in binding.many_to_many():
        yield field.remote_field.through


def _hops(binding: ScheduleBinding) -> Iterator[Any]:
    """The relations that lead to what the binding depends on."""
    for path in binding.depends_on:
        yield from keys_along(binding.model, path) or ()


def check_database() -> Found:
    """A database whose writers get into each other's way."""
    connection = connections[log.database()]
    if connection.vendor != "sqlite":
        return
    options = connection.settings_dict.get("OPTIONS") or {}
    if str(options.get("transaction_mode") or "").upper() not in {"IMMEDIATE", "EXCLUSIVE"}:
        yield checks.Error(
            "SQLite begins its transactions deferred: writers will meet `database is locked`.",
            hint='Set OPTIONS = {"transaction_mode": "IMMEDIATE", "timeout": 20} in DATABASES.',
            id="scheduler_realtime.E011",
        )

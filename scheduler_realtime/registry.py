"""register(): which models are watched, and by which binding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.apps import apps
from django.db import models

from .binding import ScheduleBinding
from .conf import conf
from .exceptions import InvalidBinding

_bindings: Final[dict[type[models.Model], ScheduleBinding]] = {}
_listeners: Final[list[Callable[[ScheduleBinding], None]]] = []


def register(*targets: type[models.Model]) -> Callable[[type[ScheduleBinding]], Any]:
    """Bind models to the schedule; use it as a decorator, in the host's `realtime.py`.

        @register(Surgery)
        class SurgeryUpdates(ScheduleBinding):
            room, start, end = "room", "start_time", "end_time"

    Raises `InvalidBinding` where it is not given models, or one that has a binding already.
    """
    if not targets or not all(_is_a(target, models.Model) for target in targets):
        raise InvalidBinding("register() takes model classes: @register(Surgery).")

    def bind(binding: type[ScheduleBinding]) -> type[ScheduleBinding]:
        for model in targets:
            _bind(model, binding)
        return binding

    return bind


def _bind(model: type[models.Model], kind: type[ScheduleBinding]) -> None:
    if model._meta.abstract or model._meta.proxy:
        raise InvalidBinding(
            f"{model._meta.label} has no table of its own; register its concrete model."
        )
    if model in _bindings:
        raise InvalidBinding(f"{model._meta.label} is registered twice.")
    if not _is_a(kind, ScheduleBinding):
        raise InvalidBinding(f"{kind!r} is not a subclass of ScheduleBinding.")
    _bindings[model] = binding = kind(model)
    for listener in _listeners:
        listener(binding)


def _is_a(given: object, kind: type) -> bool:
    return isinstance(given, type) and issubclass(given, kind)


def unregister(model: type[models.Model]) -> None:
    """Forget a model's binding: for a host's tests."""
    _bindings.pop(model, None)


def when_bound(listener: Callable[[ScheduleBinding], None]) -> None:
    """Call `listener` for every binding, those that exist and those to come."""
    _listeners.append(listener)
    for binding in _bindings.values():
        listener(binding)


def bindings() -> tuple[ScheduleBinding, ...]:
    """All bindings, in the order they were made."""
    return tuple(_bindings.values())


def binding_for(model: type[models.Model]) -> ScheduleBinding | None:
    """The binding of a model, or of what it inherits from."""
    for ancestor in model.__mro__:
        if (found := _bindings.get(ancestor)) is not None:
            return found
    return None


def binding_labelled(label: str) -> ScheduleBinding | None:
    """The binding of `app_label.model`, lower case, as it stands on the wire."""
    return next((found for found in _bindings.values() if found.label == label), None)


def register_from_settings() -> None:
    """Bind what `SCHEDULER_REALTIME["MODELS"]` names. Raises `InvalidBinding` with the entry."""
    for label, attributes in conf().MODELS.items():
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError):
            raise InvalidBinding(
                f"SCHEDULER_REALTIME['MODELS'] names {label!r}, which is no installed model."
            ) from None
        _bind(model, _kind_of(label, attributes))


def _kind_of(label: str, attributes: Mapping[str, Any]) -> type[ScheduleBinding]:
    known = set(ScheduleBinding.__annotations__)
    if unknown := sorted(set(attributes) - known):
        raise InvalidBinding(
            f"SCHEDULER_REALTIME['MODELS'][{label!r}] has {', '.join(map(repr, unknown))};"
            f" a binding has {', '.join(sorted(known))}."
        )
    return type("SettingsBinding", (ScheduleBinding,), dict(attributes))

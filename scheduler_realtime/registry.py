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
_touched: Final[dict[type[models.Model], tuple[ScheduleBinding, ...]]] = {}
"""What `bindings_touched` found, by model."""

DAY_MINUTES: Final = 24 * 60
"""The longest turnover, in minutes."""

_PATHS: Final = ("room", "date", "start", "end", "duration", "patient")
_NAMES: Final = ("permission",)
_LISTS: Final = ("staff", "tracked", "protected", "depends_on")
_OTHERS: Final = ("turnover", "inactive")


def register(*targets: type[models.Model]) -> Callable[[type[ScheduleBinding]], Any]:
    """Bind models to the schedule; use it as a decorator, in the host's `realtime.py`.

        @register(Surgery)
        class SurgeryUpdates(ScheduleBinding):
            room, start, end = "room", "start_time", "end_time"

    Raises `InvalidBinding` where it is not given models, or one that has a binding already, or
    a binding whose attributes are not names; nothing is bound then.
    """
    if not targets or not all(_is_a(target, models.Model) for target in targets):
        raise InvalidBinding("register() takes model classes: @register(Surgery).")

    def bind(binding: type[ScheduleBinding]) -> type[ScheduleBinding]:
        _check_kind(binding)
        for model in targets:
            _check_model(model)
        for model in dict.fromkeys(targets):
            _bind(model, binding)
        return binding

    return bind


def _bind(model: type[models.Model], kind: type[ScheduleBinding]) -> None:
    _bindings[model] = binding = kind(model)
    _touched.clear()
    for listener in _listeners:
        listener(binding)


def _check_model(model: type[models.Model]) -> None:
    meta = model._meta
    if meta.abstract or meta.proxy or meta.swapped:
        raise InvalidBinding(f"{meta.label} has no table of its own; register its concrete model.")
    if model in _bindings:
        raise InvalidBinding(f"{meta.label} is registered twice.")
    if len(getattr(meta, "pk_fields", ())) > 1:
        raise InvalidBinding(
            f"{meta.label} has a composite primary key, which is neither a number nor a text."
        )


def _check_kind(kind: type[ScheduleBinding]) -> None:
    if not _is_a(kind, ScheduleBinding):
        raise InvalidBinding(f"{kind!r} is not a subclass of ScheduleBinding.")
    for name in _PATHS:
        value = getattr(kind, name)
        if not isinstance(value, str | None):
            raise InvalidBinding(
                f"`{name}` of {kind.__name__} is {value!r}; it is the name of a field or a method."
            )
    if not isinstance(kind.permission, str | None):
        raise InvalidBinding(
            f"`permission` of {kind.__name__} is {kind.permission!r}; write 'app_label.codename'."
        )
    for name in _LISTS:
        value = getattr(kind, name)
        is_list = isinstance(value, list | tuple | set | frozenset)
        if not (is_list and all(isinstance(item, str) for item in value)) and value is not None:
            raise InvalidBinding(
                f"`{name}` of {kind.__name__} is {value!r}; write a list of names."
            )

    _check_collisions(kind)


def _check_collisions(kind: type[ScheduleBinding]) -> None:
    minutes = kind.turnover
    is_number = type(minutes) in {int, float} and 0 <= minutes <= DAY_MINUTES  # type: ignore[operator]
    if not (minutes is None or isinstance(minutes, str) or is_number):
        raise InvalidBinding(
            f"`turnover` of {kind.__name__} is {minutes!r}; write minutes, up to {DAY_MINUTES}, or"
            " the name of a field or a method."
        )
    inactive: Any = kind.inactive
    values = inactive.values() if isinstance(inactive, Mapping) else [None]
    if not all(isinstance(each, list | tuple | set | frozenset) for each in values):
        raise InvalidBinding(
            f"`inactive` of {kind.__name__} is {kind.inactive!r}; write lists of values by field:"
            ' {"status": ["cancelled"]}.'
        )


def _is_a(given: object, kind: type) -> bool:
    return isinstance(given, type) and issubclass(given, kind)


def unregister(model: type[models.Model]) -> None:
    """Forget a model's binding: for a host's tests."""
    _bindings.pop(model, None)
    _touched.clear()


def when_bound(listener: Callable[[ScheduleBinding], None]) -> None:
    """Call `listener` for every binding, those that exist and those to come."""
    _listeners.append(listener)
    for binding in _bindings.values():
        listener(binding)


def bindings() -> tuple[ScheduleBinding, ...]:
    """All bindings, in the order they were made."""
    return tuple(_bindings.values())


def is_bound(binding: ScheduleBinding) -> bool:
    """Whether this binding is in force, and not one that a test has taken back."""
    return _bindings.get(binding.model) is binding


def binding_for(model: type[models.Model]) -> ScheduleBinding | None:
    """The binding of a model, or of what it inherits from."""
    for ancestor in model.__mro__:
        if (found := _bindings.get(ancestor)) is not None:
            return found
    return None


def kin(model: type[models.Model]) -> list[type[models.Model]]:
    """The model, its proxies, its children and what it has tables of: each is written by itself."""
    everything = apps.get_models(include_auto_created=True)
    return [other for other in everything if issubclass(other, model) or issubclass(model, other)]


def bindings_touched(model: type[models.Model]) -> tuple[ScheduleBinding, ...]:
    """The bindings of all models whose rows a write to this one changes.

    Its own, those of what it inherits from, and those of its multi-table children, whose rows go
    on in its table.
    """
    if model not in _touched:
        concrete = model._meta.concrete_model
        _touched[model] = tuple(
            binding
            for bound, binding in _bindings.items()
            if issubclass(model, bound) or (concrete is not None and issubclass(bound, concrete))
        )
    return _touched[model]


def binding_labelled(label: str) -> ScheduleBinding | None:
    """The binding of `app_label.model`, lower case, as it stands on the wire."""
    return next((found for found in _bindings.values() if found.label == label), None)


def protected_names(model: str | None) -> frozenset[str]:
    """What the binding of `app_label.model` protects; without a model, what any of them does."""
    found = [b for b in _bindings.values() if model is None or b.label == model.lower()]
    return frozenset().union(*(binding.protected_names for binding in found))


def permissions() -> frozenset[str]:
    """What the bindings demand of those who hear of their objects."""
    return frozenset(found.permission for found in _bindings.values() if found.permission)


def has_judges() -> bool:
    """Whether any binding has a `may_see` of its own."""
    return any(binding.is_judge for binding in _bindings.values())


def register_from_settings() -> None:
    """Bind what `SCHEDULER_REALTIME["MODELS"]` names. Raises `InvalidBinding` with the entry."""
    for label, attributes in conf().MODELS.items():
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError):
            raise InvalidBinding(
                f"SCHEDULER_REALTIME['MODELS'] names {label!r}, which is no installed model."
            ) from None
        register(model)(_kind_of(label, attributes))


def _kind_of(label: str, attributes: Mapping[str, Any]) -> type[ScheduleBinding]:
    known = {*_PATHS, *_NAMES, *_LISTS, *_OTHERS}
    if unknown := sorted(set(attributes) - known):
        raise InvalidBinding(
            f"SCHEDULER_REALTIME['MODELS'][{label!r}] has {', '.join(map(repr, unknown))};"
            f" a binding has {', '.join(sorted(known))}."
        )
    return type(f"MODELS[{label!r}]", (ScheduleBinding,), dict(attributes))

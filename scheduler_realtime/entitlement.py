"""Entitlement checks: permissions that nobody can hold, and fields that no message can go without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.core import checks

from . import registry
from .conf import readable_conf
from .messages import OURS, TYPES, must_have
from .permissions import is_name

Found = Iterator[checks.CheckMessage]


def check_protected_fields() -> Found:
    """Fields that `PROTECTED_FIELDS` names, and no message of the type could go without."""
    for type_, names in readable_conf().PROTECTED_FIELDS.items():
        kind = TYPES.get(type_)
        for name in names if kind is not None else ():
            field = kind.model_fields.get(name)  # type: ignore[union-attr]  # it is there
            if field is not None and field.is_required() and not must_have(type_, name):
                yield checks.Error(
                    f"SCHEDULER_REALTIME['PROTECTED_FIELDS'] withholds {name!r} of {type_}, by"
                    " which clients tell what it is.",
                    hint="Name texts that people write, or what a message may lack.",
                    id="scheduler_realtime.E032",
                )
        if kind is None or type_ in OURS:
            yield checks.Error(
                f"SCHEDULER_REALTIME['PROTECTED_FIELDS'] names {type_!r}, which nobody sends.",
                hint=f"Name one of {', '.join(sorted(TYPES.keys() - OURS))}.",
                id="scheduler_realtime.E032",
            )


def check_permissions() -> Found:
    """Permissions that a binding demands, and nobody can hold."""
    declared = _declared_permissions()
    for binding in registry.bindings():
        named, label = binding.permission, binding.model._meta.label
        if named is None or named in declared:
            continue
        if not is_name(named):
            yield checks.Error(
                f"The binding of {label} demands the permission {named!r}, which is none.",
                hint="Write it as app_label.codename, such as"
                f" {binding.model._meta.app_label}.view_{binding.model._meta.model_name}.",
                obj=binding.model,
                id="scheduler_realtime.E031",
            )
        else:
            yield checks.Warning(
                f"The binding of {label} demands {named!r}, which no installed model declares:"
                " but for superusers nobody may hear of it.",
                hint="Correct its spelling. If you make the permission in a migration or it is a"
                " backend's own, silence this.",
                obj=binding.model,
                id="scheduler_realtime.W030",
            )


def _declared_permissions() -> set[str]:
    """What `migrate` makes: of each model its default permissions, and those of its own."""
    return {
        f"{meta.app_label}.{codename}"
        for meta in (model._meta for model in apps.get_models(include_auto_created=True))
        for codename in (
            *(get_permission_codename(action, meta) for action in meta.default_permissions),
            *(codename for codename, _ in meta.permissions),
        )
    }


ALL: Final = (check_permissions, check_protected_fields)

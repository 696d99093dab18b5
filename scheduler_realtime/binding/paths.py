"""Paths over a host's models: where they lead, and the value at their end."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.core.files import File
from django.db import models
from django.db.backends.utils import format_number
from django.utils import timezone

Path = str
"""A field, a dotted path over relations (`procedure.room`), or a method of binding or model."""

Column: TypeAlias = "models.Field[Any, Any]"


@dataclass(frozen=True, kw_only=True)
class GenericKey:
    """What a generic foreign key points to, without fetching it."""

    content_type: Any
    key: Any


def field_named(model: Any, name: str) -> Any:
    """The field, relation or generic key of that name, or None. `pk` is a name for the key."""
    try:
        return model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def column_named(model: Any, name: str) -> Column | None:
    """The same, only where it is a column of the model's table."""
    field = field_named(model, name)
    is_column = isinstance(field, models.Field) and getattr(field, "column", None) is not None
    return field if is_column and not field.many_to_many else None


def columns_of(model: Any, name: str) -> list[Column]:
    """The column of that name, the two of a generic key, or none."""
    field = field_named(model, name)
    names = [field.ct_field, field.fk_field] if hasattr(field, "ct_field") else [name]
    return [column for each in names if (column := column_named(model, each)) is not None]


def hops(model: Any, path: Path) -> list[Any] | None:
    """The fields along the path, or None where it is not made of fields.

    All but the last lead to one object each: only such can be followed.
    """
    found: list[Any] = []
    *relations, last = path.split(".")
    for name in relations:
        field = field_named(model, name)
        if field is None or not (field.many_to_one or field.one_to_one):
            return None
        found.append(field)
        model = field.related_model
        if model is None:  # a generic key leads anywhere
            return None
    field = field_named(model, last)
    return None if field is None else [*found, field]


def keys_along(model: Any, path: Path) -> list[Any] | None:
    """The foreign keys that lead to the column at the end, or None where something else does.

    A row that begins to point here, or ends, is no change of a column: none of these may be the
    far end of a key.
    """
    *keys, last = hops(model, path) or [None]
    is_column = last is not None and column_named(last.model, last.name) is not None
    return keys if is_column and keys and all(key.concrete for key in keys) else None


def column_at(model: Any, path: Path) -> Column | None:
    """The column at the end of a path of fields, or None."""
    fields = hops(model, path)
    return None if fields is None else column_named(fields[-1].model, fields[-1].name)


def leads_somewhere(model: Any, path: Path) -> bool:
    """Whether each step of the path is a field, or a method or property, of where the last led.

    Where a property or a generic key leads is known only row by row.
    """
    *relations, last = path.split(".")
    for name in relations:
        field = field_named(model, name)
        if field is None or field.related_model is None:
            return field is not None or hasattr(model, name)
        if not (field.many_to_one or field.one_to_one):
            return False
        model = field.related_model
    return field_named(model, last) is not None or hasattr(model, last)


def value_at(instance: Any, path: Path) -> Any:
    """The value at the end of the path, or None where a relation on the way points to nothing."""
    *relations, last = path.split(".")
    for name in relations:
        instance = getattr(instance, name, None)
        if instance is None:
            return None
    return _attribute(instance, last)


def _attribute(instance: Any, name: str) -> Any:
    """A value without fetching what a key points to: the key is all we want."""
    if isinstance(instance, models.Model):
        field = field_named(type(instance), name)
        if field is not None and hasattr(field, "ct_field"):
            return _generic_key(instance, field)
        if (column := column_named(type(instance), name)) is not None:
            return cleaned(column, getattr(instance, column.attname))
    value = getattr(instance, name)
    return value() if callable(value) and not isinstance(value, models.Manager) else value


def _generic_key(instance: models.Model, field: Any) -> GenericKey | None:
    kind = getattr(instance, field_named(type(instance), field.ct_field).attname)
    key = getattr(instance, field.fk_field)
    if kind is None or key is None:
        return None
    model = field.get_content_type(id=kind, using=instance._state.db).model_class()  # noqa: SLF001 - Django documents it
    # The column is often a text, whatever the keys of the model are.
    return GenericKey(
        content_type=kind, key=key if model is None else model._meta.pk.to_python(key)
    )


def cleaned(column: Column, value: Any) -> Any:
    """The value as the database would give it back: an instance may carry what it was assigned."""
    value = column.to_python(value)
    match value:
        case dt.datetime() if value.tzinfo is None and settings.USE_TZ:
            return timezone.make_aware(value, timezone.get_default_timezone())
        case Decimal() if getattr(column, "decimal_places", None) is not None:
            return _rounded(value, column)
        case File():
            return value.name
        case _ if isinstance(column, models.JSONField) and value is not None:
            return json.loads(json.dumps(value, cls=column.encoder), cls=column.decoder)
    return value


def _rounded(number: Decimal, column: Any) -> Decimal:
    if not number.is_finite():
        return number
    return Decimal(str(format_number(number, column.max_digits, column.decimal_places)))

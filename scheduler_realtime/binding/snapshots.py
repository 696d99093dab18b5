"""Snapshots: a host's row as text, and as an instance again when nobody has the row any more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import models

from .paths import Column

Snapshot = Mapping[str, Any]
"""By column its value, as Django's serializers write it; None is null."""


def snapshot(row: models.Model) -> dict[str, Any]:
    """Every column of the row. Runs no query where the row was read whole."""
    return {
        column.attname: None if value is None else _text(column, value, row)
        for column in row._meta.concrete_fields
        for value in [getattr(row, column.attname)]
    }


def restored(model: type[models.Model], taken: Snapshot, using: str) -> models.Model:
    """An instance with the values of the snapshot, which no `save` has been asked for.

    What it relates to is read from the database when it is asked for, as it is then. A column
    that there was not when it was taken is deferred.
    """
    columns = [each for each in model._meta.concrete_fields if each.attname in taken]
    values = [_value(column, taken[column.attname]) for column in columns]
    return model.from_db(using, [column.attname for column in columns], values)


def _text(column: Column, value: Any, row: models.Model) -> Any:
    if isinstance(column, models.JSONField):
        return json.dumps(value, cls=column.encoder)
    return column.value_to_string(row)


def _value(column: Column, text: Any) -> Any:
    if text is None:
        return None
    if isinstance(column, models.JSONField):
        return json.loads(text, cls=column.decoder)
    return column.to_python(text)

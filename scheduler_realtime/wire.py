"""Python values as JSON that every browser, database and Redis takes, and nothing else.

What could not be read at the other end is refused here, at the call that brought it: NaN and
Infinity (no browser parses them), NUL (PostgreSQL stores none) and lone surrogates (no UTF-8).
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from django.db import models
from django.utils import timezone
from django.utils.duration import duration_iso_string
from django.utils.functional import Promise

from .exceptions import InvalidMessage

MAX_DEPTH: Final = 32
"""Nesting beyond which a payload is refused: a hundredth of what breaks a JSON parser."""


def utc_text(moment: dt.datetime) -> str:
    """A datetime as the wire has it: `2026-01-15T10:30:00.123Z`. Naive is in `TIME_ZONE`."""
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment, timezone.get_default_timezone())
    text = moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def dumps(value: Any) -> str:
    """JSON text, compact, of what `plain` returned."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def plain(value: Any, path: str = "data", depth: int = 0) -> Any:
    """The value with only dicts, lists, strings, numbers, booleans and None in it.

    Dates, datetimes, times, durations, UUIDs, Decimals (as strings, exactly), enums, lazy
    strings, sets and model instances (as primary keys) are turned into these. Raises
    `InvalidMessage` with the path of whatever cannot be.
    """
    # The exact types first: almost every value is one of these.
    kind = type(value)
    if kind is str:
        return _text(value, path)
    if kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return _finite(value, path)
    if depth >= MAX_DEPTH:
        raise InvalidMessage(path, f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {
            _text(_key(key, path), path): plain(item, f"{path}.{key}", depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, f"{path}.{n}", depth + 1) for n, item in enumerate(_ordered(value))]
    return _scalar(value, path, depth)


def _scalar(value: Any, path: str, depth: int) -> Any:  # noqa: C901 - a table of types
    match value:
        case enum.Enum():
            return plain(value.value, path, depth + 1)
        case str() | Promise():
            return _text(str(value), path)
        case int():
            return int(value)
        case float():
            return _finite(float(value), path)
        case Decimal():
            return _decimal(value, path)
        case dt.datetime():
            return utc_text(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return duration_iso_string(value)
        case uuid.UUID():
            return str(value)
        case models.Model():
            return plain(value.pk, path, depth + 1)
        case _:
            raise InvalidMessage(path, f"a {type(value).__name__} cannot be written as JSON")


def _ordered(values: Iterable[Any]) -> Iterable[Any]:
    return sorted(values, key=str) if isinstance(values, set | frozenset) else values


def _key(key: Any, path: str) -> str:
    if isinstance(key, str | int | uuid.UUID | Promise) and not isinstance(key, bool):
        return str(key)
    raise InvalidMessage(path, f"the key {key!r} is not a string")


def _text(text: str, path: str) -> str:
    if "\x00" in text:
        raise InvalidMessage(path, "holds a NUL character, which PostgreSQL cannot store")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidMessage(path, "holds a lone surrogate, which is not text") from None
    return text


def _finite(number: float, path: str) -> float:
    if not math.isfinite(number):
        raise InvalidMessage(path, f"is {number}, which JSON does not have")
    return number


def _decimal(number: Decimal, path: str) -> str:
    if not number.is_finite():
        raise InvalidMessage(path, f"is {number}, which JSON does not have")
    return str(number)

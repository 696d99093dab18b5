"""Python values as JSON that every browser, database and Redis takes, and nothing else.

What could not be read at the other end is refused here, at the call that brought it: NaN and
Infinity (no browser parses them), NUL (PostgreSQL stores none) and lone surrogates (no UTF-8).
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import numbers
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.duration import duration_iso_string
from django.utils.functional import Promise

from .clean_text import cleaned, is_clean
from .exceptions import InvalidMessage

MAX_DEPTH: Final = 32
"""Nesting beyond which a payload is refused: a hundredth of what breaks a JSON parser."""

EXACT: Final = 2**53 - 1
"""The largest whole number that a browser reads as itself; beyond it neighbours look the same."""

_MAX_BITS: Final = 1024
"""Beyond it a whole number is refused: no primary key has more, and Python writes none with
more than 4300 digits."""


def utc_text(moment: dt.datetime) -> str:
    """A datetime as the wire has it: `2026-01-15T10:30:00.123Z`. Naive is in `TIME_ZONE`.

    Raises `OverflowError` for one of the first and the last hours that Python knows.
    """
    text = aware(moment).astimezone(dt.UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def aware(moment: dt.datetime) -> dt.datetime:
    """The moment with an offset. Naive is in `TIME_ZONE`."""
    if timezone.is_naive(moment):
        return timezone.make_aware(moment, timezone.get_default_timezone())
    return moment


def moment_in(text: str) -> dt.datetime | None:
    """The moment written in ISO 8601, aware; None for anything else.

    A date alone does not say whether that day is in or out, and is none.
    """
    try:
        found = parse_datetime(text) if ":" in text else None
    except ValueError:
        return None
    return None if found is None else aware(found)


def dumps(value: Any) -> str:
    """JSON text, compact, of what `plain` returned."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dumps_clean(value: Any) -> str:
    """The same with all its texts clean: what a client is told goes through here."""
    text = dumps(value)
    return text if is_clean(text) else dumps(cleaned(value))


def plain(value: Any, path: str = "data", depth: int = 0) -> Any:
    """The value with only dicts, lists, strings, numbers, booleans and None in it.

    Dates, datetimes, times, durations, UUIDs, Decimals (as strings, exactly), enums, lazy
    strings, sets and model instances (as primary keys) are turned into these; a whole number
    that no browser reads exactly becomes a string. Raises `InvalidMessage` with the path of
    whatever cannot be.
    """
    # The exact types first: almost every value is one of these.
    kind = type(value)
    if kind is str:
        return _text(value, path)
    if kind is int:
        return value if -EXACT <= value <= EXACT else _long(value, path)
    if kind is bool or value is None:
        return value
    if kind is float:
        return _finite(value, path)
    if depth >= MAX_DEPTH:
        raise InvalidMessage(path, f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return _object(value, path, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, f"{path}.{n}", depth + 1) for n, item in enumerate(_ordered(value))]
    return _scalar(value, path, depth)


def _object(value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = key if type(key) is str else _name(key, path)
        _text(name, path, "has a key that ")
        if name in result:
            raise InvalidMessage(path, f"has two keys that are both written {name!r}")
        result[name] = plain(item, f"{path}.{name}", depth + 1)
    return result


def _name(key: Any, path: str) -> str:
    """A key that is no string: what is written as a string or a whole number may be one."""
    try:
        name = plain(key, path)
    except InvalidMessage:
        name = None
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise InvalidMessage(path, f"has the key {key!r}, which cannot be written as a string")
    return str(name)


def _scalar(value: Any, path: str, depth: int) -> Any:  # noqa: C901 - a table of types
    match value:
        case enum.Enum():
            return plain(value.value, path, depth + 1)
        case str() | Promise():
            return _text(str(value), path)
        # By these two an optimiser's own numbers are known as well, such as numpy's.
        case numbers.Integral():
            return plain(int(value), path, depth + 1)
        case numbers.Real():
            return _real(value, path)
        case Decimal():
            return _decimal(value, path)
        case dt.datetime():
            return _moment(value, path)
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return duration_iso_string(value)
        case uuid.UUID():
            return str(value)
        case models.Model():
            return _primary_key(value, path, depth)
        case _:
            raise InvalidMessage(path, f"a {type(value).__name__} cannot be written as JSON")


def _ordered(values: Iterable[Any]) -> Iterable[Any]:
    return sorted(values, key=str) if isinstance(values, set | frozenset) else values


def _text(text: str, path: str, subject: str = "") -> str:
    if "\x00" in text:
        raise InvalidMessage(path, f"{subject}holds a NUL character, which PostgreSQL cannot store")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            reason = f"{subject}holds a lone surrogate, which is not text"
            raise InvalidMessage(path, reason) from None
    return text


def _long(number: int, path: str) -> str:
    if number.bit_length() > _MAX_BITS:
        raise InvalidMessage(path, f"is a number of {number.bit_length()} bits")
    return str(number)


def _finite(number: float, path: str) -> float:
    if not math.isfinite(number):
        raise InvalidMessage(path, f"is {number}, which JSON does not have")
    return number


def _real(number: Any, path: str) -> float:
    try:
        return _finite(float(number), path)
    except OverflowError:
        raise InvalidMessage(path, "is a number too large for JSON") from None


def _decimal(number: Decimal, path: str) -> str:
    if not number.is_finite():
        raise InvalidMessage(path, f"is {number}, which JSON does not have")
    return str(number)


def _moment(moment: dt.datetime, path: str) -> str:
    try:
        return utc_text(moment)
    except OverflowError:
        raise InvalidMessage(path, f"is {moment}, which has no UTC") from None


def _primary_key(instance: models.Model, path: str, depth: int) -> Any:
    if instance.pk is None:
        raise InvalidMessage(path, f"is a {type(instance).__name__} without a primary key")
    return plain(instance.pk, path, depth + 1)

"""The values that payloads are made of: keys, texts, days, counts and links, and what each may be."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from .clean_text import LONGEST, clean, clean_line
from .wire import EXACT, plain

Key = int | str
"""A primary key as it stands on the wire."""


def _text(value: Any) -> Any:
    """Lazy strings, UUIDs and numbers given where a text is meant: `emergency_id=emergency.pk`."""
    if isinstance(value, dict | list | bool) or value is None:
        return value
    return str(plain(value))


def _clean_line(value: Any) -> Any:
    text = _text(value)
    return clean_line(text) if isinstance(text, str) else text


def _key(value: Any) -> Any:
    if type(value) is not int and not isinstance(value, str):
        raise ValueError("is neither a number nor a text")
    return value


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(text: str) -> str:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError  # noqa: TRY301 - told below, with the days that no month has
        dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day, which is written YYYY-MM-DD") from None
    return text


KeyValue = Annotated[Key, BeforeValidator(_key)]
Text = Annotated[str, BeforeValidator(_text), Field(max_length=LONGEST), AfterValidator(clean)]
"""Several lines, as long as somebody reads. What counts is how long it was as it was written."""

Line = Annotated[str, BeforeValidator(_text), Field(max_length=LONGEST), AfterValidator(clean_line)]
"""A text of one line, such as a title."""

Name = Annotated[str, BeforeValidator(_clean_line), Field(max_length=255)]
Day = Annotated[
    str,
    BeforeValidator(_text),
    AfterValidator(_day),
    Field(json_schema_extra={"format": "date"}),
]

Count = Annotated[int, Field(ge=0, le=EXACT)]
"""A number that stays one on the wire: what no browser reads exactly would become a text."""

_UNCLICKABLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}


def _clickable(url: str) -> str:
    """Browsers drop control characters and take a backslash for a slash: neither may stand here.

    Nor may two slashes at the beginning, or more: a browser takes what follows for a host.
    """
    if any(c == "\\" or unicodedata.category(c) in _UNCLICKABLE for c in url):
        raise ValueError("may hold no space, control character or backslash")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is no URL") from None
    is_relative = not parts.scheme and not url.startswith("//")
    if not is_relative and not (parts.scheme in {"http", "https"} and parts.netloc):
        raise ValueError("must be relative to this site, http or https")
    if clean(url) != url:
        raise ValueError("may hold no markup: a browser writes < as %3C")
    return url


Url = Annotated[
    str,
    BeforeValidator(_text),
    AfterValidator(_clickable),
    Field(min_length=1, max_length=2000, json_schema_extra={"format": "uri-reference"}),
]
"""Relative to this site, or http and https: nothing that a click could run."""

"""Lists in columns, which hold them as JSON texts: whether one has a value, asked in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Q, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

from .wire import dumps

EMPTY: Final = "[]"


def having(column: str, text: str) -> Q:
    """That the list in this column has this text.

    Not `contains`, for which SQLite does not tell upper case from lower.
    """
    return Q(GreaterThan(StrIndex(column, Value(dumps(text))), 0))


def having_any(column: str, texts: Iterable[str]) -> Q:
    """That the list in this column has at least one of these texts; never, where there are none."""
    return reduce(or_, (having(column, text) for text in texts), Q(pk__in=()))


def empty(column: str) -> Q:
    """That the list in this column has nothing."""
    return Q(**{column: EMPTY})

"""Lists in columns, which hold them as JSON texts: whether one has a value, asked in SQL."""

from __future__ import annotations

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


def empty(column: str) -> Q:
    """That the list in this column has nothing."""
    return Q(**{column: EMPTY})

"""Which transaction a row of the log belongs to: a mark that lives and dies with it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from django.db import transaction

SQL: Final = {"postgresql": "pg_current_xact_id()::text"}
"""By vendor, the expression a database has for its own transaction. Elsewhere it is a UUID."""

_ATTRIBUTE: Final = "_scheduler_realtime_mark"


def mark_of(connection: Any, *, on_commit: Callable[[], None]) -> str:
    """The mark of the transaction in progress; at its first call, `on_commit` is registered.

    Django takes a callback back when the savepoint it was registered in rolls back, so a mark
    whose callback is still registered belongs to what will be committed, and one whose callback
    is gone belongs to nothing any more. Without autocommit nothing can be registered: each row
    then has a mark of its own, and the relay finds it at its next look.
    """
    mark: str
    found = getattr(connection, _ATTRIBUTE, None)
    if found is not None:
        callback, mark = found
        if any(entry[1] is callback for entry in connection.run_on_commit):
            return mark
    mark = uuid.uuid4().hex
    if not connection.in_atomic_block:
        return mark

    # A plain function: Django 5.2 logs a robust callback that fails by its __qualname__.
    def ring() -> None:
        on_commit()

    transaction.on_commit(ring, using=connection.alias, robust=True)
    setattr(connection, _ATTRIBUTE, (ring, mark))
    return mark

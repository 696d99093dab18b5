"""A savepoint that is opened only if somebody needs it: at the first statement of the block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction


@contextmanager
def savepoint_when_needed(using: str) -> Iterator[None]:
    """Undo what the block did to the database if it raises; cost nothing if it asks nothing.

    An `audience()` is mostly a few lines of Python, and every save waits for it. Only inside a
    transaction.
    """
    savepoint: list[str | None] = []

    def open_first(execute: Callable[..., Any], *call: Any) -> Any:
        if not savepoint:
            savepoint.append(None)  # its own statement comes through here too
            savepoint[0] = transaction.savepoint(using)
        return execute(*call)

    try:
        with connections[using].execute_wrapper(open_first):
            yield
        if savepoint and savepoint[0] is not None:
            # Refused where a statement failed, though the block kept silent about it.
            transaction.savepoint_commit(savepoint[0], using)
    except BaseException:
        if savepoint and savepoint[0] is not None:
            # What broke is undone, so that the transaction is as good as before.
            transaction.set_rollback(False, using)
            transaction.savepoint_rollback(savepoint[0], using)
        raise

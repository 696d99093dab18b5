"""A savepoint that is opened only if somebody needs it: at the first statement of the block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connections, transaction


@contextmanager
def savepoint_when_needed(using: str) -> Iterator[None]:
    """Undo what the block did to the database if it raises; cost nothing if it asks nothing.

    An `audience()` is mostly a few lines of Python, and every save waits for it. Where a statement
    failed and the block kept silent about it, the end of the savepoint is refused, and raises.
    """
    connection = connections[using]
    with ExitStack() as stack:
        is_open = not connection.in_atomic_block
        if is_open:  # no place for a savepoint: a transaction of its own
            stack.enter_context(transaction.atomic(using=using))

        def open_first(execute: Callable[..., Any], *call: Any) -> Any:
            nonlocal is_open
            if not is_open:
                is_open = True  # its own statement comes through here too
                stack.enter_context(transaction.atomic(using=using))
            return execute(*call)

        with connection.execute_wrapper(open_first):
            yield

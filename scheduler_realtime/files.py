"""Database files of SQLite: seen when another one was put in the place of an open one.

An open connection reads and writes the file it has opened, even where that one was moved away or
deleted: what is committed in the file that everybody else opens would never be shown.
"""

from __future__ import annotations

import os
from typing import Any, Final

from django.db import OperationalError, connections

_ATTRIBUTE: Final = "_scheduler_realtime_file"

Identity = tuple[int, int]
"""Of a file: its device and its inode."""


def leave_replaced() -> None:
    """Close this thread's connections to files that are not at their path any more.

    Call it before each piece of work, outside of transactions; it costs one `stat` a file. Raises
    `OperationalError` where there is no file: connecting would make an empty one.
    """
    for connection in connections.all():
        if connection.vendor == "sqlite" and not connection.in_atomic_block:
            _leave_replaced(connection)


def identity_of(connection: Any) -> Identity | None:
    """The file a connection was opened on; None for a database in memory, or before the first look."""
    identity: Identity | None = getattr(connection, _ATTRIBUTE, None)
    return identity


def _leave_replaced(connection: Any) -> None:
    before, now = identity_of(connection), _identity_at(connection.settings_dict["NAME"])
    if before == now:
        return
    connection.close()
    if now is None:
        raise OperationalError(f"The database file {connection.settings_dict['NAME']} is gone.")
    # Noted before the file is opened: where it is replaced just between, the next look sees it.
    setattr(connection, _ATTRIBUTE, now)


def _identity_at(path: str | os.PathLike[str]) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

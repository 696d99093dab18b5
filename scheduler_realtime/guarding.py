"""Guarding: a host's code may fail inside of a transaction, and what was done before it stays."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from django.db import connections, transaction

from . import log


def savepoint() -> AbstractContextManager[object]:
    """A savepoint where there is a transaction; else nothing, which takes no lock.

    On SQLite a transaction has the lock of all writers for as long as the code in it runs.
    """
    alias = log.database()
    return transaction.atomic(using=alias) if connections[alias].in_atomic_block else nullcontext()

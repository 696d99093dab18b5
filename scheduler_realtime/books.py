"""The books thread: one thread with one database connection for what sockets must look up.

Never the thread that Channels and `sync_to_async` share: a slow query of somebody else there
would hold back every handshake of the process.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import Error, connections

from . import files

P = ParamSpec("P")
R = TypeVar("R")

_thread: ThreadPoolExecutor | None = None


async def run(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call it in the books thread. Raises what the call raises; a broken connection is closed."""
    global _thread  # noqa: PLW0603 - one thread a process
    if _thread is None:
        _thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="realtime-books")
    kept = functools.partial(_keeping_connection, functools.partial(call, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_thread, kept)


def _keeping_connection(call: Callable[[], R]) -> R:
    try:
        files.leave_replaced()
        return call()
    except Error:
        # A backend that was killed leaves a connection that fails on every query until closed.
        connections.close_all()
        raise


def close() -> None:
    """Close the thread's connections and let it end. The next `run` starts another."""
    global _thread  # noqa: PLW0603 - one thread a process
    if _thread is not None:
        _thread.submit(connections.close_all)
        _thread.shutdown(wait=False)
        _thread = None


def _after_fork() -> None:
    global _thread  # noqa: PLW0603 - a child has none of its parent's threads
    _thread = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

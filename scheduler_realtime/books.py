"""The books thread: one thread with one database connection for what sockets must look up.

Beside it the judges', where a host's own function may take its time, and holds up nobody but those
it is asked about. Never the thread that Channels and `sync_to_async` share: a slow query of somebody else there
would hold back every handshake of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

from django.db import Error, OperationalError, connections

from . import files, keepalives

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)


class _Books(threading.Thread):
    """Does one call after the other. `waiting` are those who asked, and belongs to their loop.

    No thread of a pool: Python waits for those when it exits, and a database that does not answer
    would keep the process alive.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=f"realtime-{name}", daemon=True)
        self.calls: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = (
            SimpleQueue()
        )
        self.waiting: set[asyncio.Future[Any]] = set()

    def run(self) -> None:
        while (asked := self.calls.get()) is not None:
            call, future = asked
            if future.done():
                continue  # nobody waits for it any more
            try:
                settle = functools.partial(_settle, future, result=call())
            except BaseException as error:  # noqa: BLE001 - handed on to whoever asked
                settle = functools.partial(_settle, future, error=error)
            with contextlib.suppress(RuntimeError):  # the loop of who asked is closed
                future.get_loop().call_soon_threadsafe(settle)
        connections.close_all()


_threads: Final[dict[str, _Books]] = {}
"""By name, those that this process has begun."""


async def run(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call it in the books thread. Raises what the call raises; a broken connection is closed."""
    return await _called("books", functools.partial(call, *args, **kwargs))


async def judge(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The same in the judges' thread."""
    return await _called("judges", functools.partial(call, *args, **kwargs))


async def _called(name: str, call: Callable[[], R]) -> R:
    if name not in _threads:
        _threads[name] = _Books(name)
        _threads[name].start()
    thread = _threads[name]
    future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
    thread.waiting.add(future)
    future.add_done_callback(thread.waiting.discard)
    thread.calls.put((functools.partial(keeping_connection, call), future))
    return await future


async def beside(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call it in a thread and on a connection of its own, which end with it: what cannot wait."""
    thread = _Books("beside")
    future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
    kept = functools.partial(keeping_connection, functools.partial(call, *args, **kwargs))
    thread.calls.put((kept, future))
    thread.calls.put(None)
    thread.start()
    return await future


def keeping_connection(call: Callable[[], R]) -> R:
    """Call it in this thread, and once more where the server had closed its connection.

    Every call here may be made twice: it reads, or writes what it writes but once.
    """
    try:
        files.leave_replaced()
        keepalives.prepare()
        return call()
    except Error:
        is_cut = _is_cut()
        # A backend that was killed leaves a connection that fails on every query until closed.
        connections.close_all()
        if not is_cut:
            raise
    return call()


def _is_cut() -> bool:
    opened = connections.all(initialized_only=True)
    return any(each.connection is not None and not each.is_usable() for each in opened)


def _settle(
    future: asyncio.Future[Any], result: Any = None, error: BaseException | None = None
) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


async def close(within: float = 5.0) -> None:
    """Do what was put in, close the connections, end the threads. The next `run` starts another.

    What is not done `within` so many seconds, as with a database that does not answer, is left,
    and whoever waits for it gets an `OperationalError`.
    """
    threads = tuple(_threads.values())
    _threads.clear()
    for thread in threads:
        thread.calls.put(None)
    until = time.monotonic() + within
    for thread in threads:
        await asyncio.to_thread(thread.join, max(0, until - time.monotonic()))
        if thread.is_alive():
            logger.error("The database did not take in %.1f s what was to be written.", within)
            for future in tuple(thread.waiting):
                future.set_exception(
                    OperationalError("The database did not answer before the end.")
                )


def _after_fork() -> None:
    _threads.clear()  # a child has none of its parent's threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

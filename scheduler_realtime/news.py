"""News: wakes the threads of this process that wait for the log to go on."""

from __future__ import annotations

import os
import threading
import time
from typing import Final

from . import log
from .conf import conf

WAITERS: Final = 100
"""Threads that may wait at once: each is one of the server's, and the next answers at once."""

_changed = threading.Condition()
_follower: object | None = None
_is_ending = False
_reached = ("", 0)
_waiting = 0


def follow(follower: object) -> None:
    """A hub of this process reads the log, and will say how far it has come."""
    global _follower, _is_ending
    _follower, _is_ending = follower, False


def unfollow(follower: object) -> None:
    """That hub is about to end, and its process with it: whoever waits is let go, or would wait."""
    global _follower, _is_ending
    if _follower is follower:
        _follower, _is_ending = None, True
        reach(*_reached)


def reach(epoch: str, position: int) -> None:
    """The log of this epoch was read up to there."""
    global _reached  # noqa: PLW0603 - one hub a process is the design
    with _changed:
        _reached = (epoch, position)
        _changed.notify_all()


def wait_beyond(epoch: str, position: int, seconds: float) -> bool:
    """Wait until the log goes beyond this position, or is another one; False after so many seconds.

    In a process with a hub it costs no query; in one without, the log is looked at meanwhile.

    False at once where too many wait already, or the process is about to end. Any thread but a
    loop's may call it.
    """
    global _waiting  # noqa: PLW0603 - one count a process
    with _changed:
        if _is_ending or _waiting >= WAITERS:
            return False
        _waiting += 1
    try:
        return _wait(epoch, position, time.monotonic() + seconds)
    finally:
        with _changed:
            _waiting -= 1


def _wait(epoch: str, position: int, until: float) -> bool:
    def is_beyond(now: tuple[str, int]) -> bool:
        return now[0] != epoch or now[1] > position

    leader = _follower
    while (left := until - time.monotonic()) > 0:
        if _is_ending or _follower is not leader:
            return False
        if leader is None:
            state = log.state()
            if is_beyond((state.epoch, state.head)):
                return True
            time.sleep(min(left, conf().LOOK_INTERVAL))
            continue
        with _changed:
            _changed.wait_for(lambda: _follower is not leader or is_beyond(_reached), left)
            if is_beyond(_reached):
                return True
    return False


def _after_fork() -> None:
    """A child has neither its parent's hub nor its threads, one of which may hold the lock."""
    global _changed, _follower, _is_ending, _waiting
    _changed, _follower, _is_ending, _waiting = threading.Condition(), None, False, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

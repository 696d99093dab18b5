"""Ringing, and carrying ephemeral frames, from any thread of any process.

Callable from any thread; never blocks the caller and never raises. A process with a hub hands
everything to the hub's loop. A process without one (a WSGI worker, a command, a shell) has a
background thread with a loop of its own, started at the first ring.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, ParamSpec, Protocol

from channels.layers import InMemoryChannelLayer, get_channel_layer

from scheduler_realtime import counters
from scheduler_realtime.conf import conf
from scheduler_realtime.messages import UserPresence

from .courier import LOG_GROUP, PRESENCE_GROUP, Courier

logger = logging.getLogger(__name__)

P = ParamSpec("P")

TOLD_AT_ONCE: Final = 200
"""People in one message: some 50 KB, which keep no other message of the layer waiting for long."""


class LocalHub(Protocol):
    """What the doorbell needs of this process's hub. Callable from any thread."""

    def wake(self) -> None: ...
    def hear(self, message: dict[str, Any]) -> None: ...
    def carry(self, group: str, message: dict[str, Any]) -> None: ...


_hub: LocalHub | None = None
_muted = False


def attach(hub: LocalHub) -> None:
    """Make this the hub of this process."""
    global _hub  # noqa: PLW0603 - one hub a process is the design
    _hub = hub


def detach(hub: LocalHub) -> None:
    """Forget the hub, if it is still this one."""
    global _hub  # noqa: PLW0603 - one hub a process is the design
    if _hub is hub:
        _hub = None


def mute(silent: bool) -> bool:
    """Ring nothing while `silent`, for a host's own tests. Returns what it was before."""
    global _muted
    before, _muted = _muted, silent
    return before


def has_layer() -> bool:
    """Whether the settings name a channel layer at all."""
    return get_channel_layer(conf().CHANNEL_LAYER) is not None


def reaches_others() -> bool:
    """Whether the layer leads out of this process at all. Raises where it cannot be made."""
    layer = get_channel_layer(conf().CHANNEL_LAYER)
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


def is_layer_failing() -> bool | None:
    """Whether a process without a hub could not send to the layer; None where it never has."""
    return None if _thread is None else _thread.is_failing


def _harmless(deed: Callable[P, None]) -> Callable[P, None]:
    """A deed that never raises: what was committed is found without it, at the next look."""

    @functools.wraps(deed)
    def done(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            deed(*args, **kwargs)
        except Exception:
            logger.exception("The doorbell is broken; the log's own look goes on.")

    return done


@_harmless
def wake() -> None:
    """Something was committed: wake the local relay, or ring those of other processes."""
    if _hub is not None:
        _hub.wake()
    else:
        _send(LOG_GROUP, {"type": "realtime.ring"})


@_harmless
def ring(head: int) -> None:
    """Positions were given up to `head`: tell the hubs of all processes."""
    _send(LOG_GROUP, {"type": "realtime.ring", "head": head})


@_harmless
def carry(frame: dict[str, Any], groups: Iterable[str]) -> None:
    """Send an ephemeral frame to groups, at most once to each socket, or not at all."""
    counters.count("published", str(frame.get("type")))
    names = sorted(groups)
    message = {
        "type": "realtime.frame",
        "groups": names,
        "frame": frame,
        "token": uuid.uuid4().hex,
    }
    if _hub is not None:
        _hub.hear(message)
    for group in names:
        _send(group, message)


@_harmless
def tell(here: Sequence[dict[str, Any]], gone: Sequence[tuple[int | str, str]]) -> None:
    """Tell the hubs of all processes, this one's first, who is here now, and whose visits ended."""
    counters.count("published", UserPresence.type, len(here) + len(gone))
    most = max(len(here), len(gone))
    for start in range(0, most, TOLD_AT_ONCE):
        page = slice(start, start + TOLD_AT_ONCE)
        message = {
            "type": "realtime.presence",
            "here": list(here[page]),
            "gone": [list(each) for each in gone[page]],
        }
        if _hub is not None:
            _hub.hear(message)
        _send(PRESENCE_GROUP, message)


def _send(group: str, message: dict[str, Any]) -> None:
    if _muted:
        return
    if _hub is not None:
        _hub.carry(group, message)
        return
    # Nobody but this very process hears an in-memory layer, and it has no hub to hear it.
    if reaches_others():
        _background().put(group, message)


class _Background(threading.Thread):
    """The thread that rings for a process without a hub."""

    def __init__(self) -> None:
        super().__init__(name="realtime-doorbell", daemon=True)
        self._loop = asyncio.new_event_loop()
        self._courier = Courier()

    @property
    def is_failing(self) -> bool:
        return self._courier.is_failing

    def put(self, group: str, message: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._courier.put, group, message)

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._courier.run())


_thread: _Background | None = None
_starting = threading.RLock()  # a signal handler may save something meanwhile


def _background() -> _Background:
    global _thread  # noqa: PLW0603 - one thread a process
    with _starting:
        if _thread is None or not _thread.is_alive():
            _thread = _Background()
            _thread.start()
        return _thread


def _after_fork() -> None:
    """A child has neither its parent's threads nor its loop."""
    global _hub, _thread, _starting
    _hub, _thread, _starting = None, None, threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

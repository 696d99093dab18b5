"""What we know of the servers we run under: whose `send` it is, and what lies behind it."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Coroutine, Generator
from typing import Any

Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
"""An ASGI `send`."""


class Rest:
    """What is left of a coroutine that was driven by hand up to its first wait."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while True:
            try:
                result = yield waits_for
            except BaseException as error:  # noqa: BLE001 - handed on to whose it is
                step = functools.partial(self._coroutine.throw, error)
            else:
                step = functools.partial(self._coroutine.send, result)
            try:
                waits_for = step()
            except StopIteration:
                return


def is_servers_own(send: Send) -> bool:
    """Whether nobody stands between us and a server whose `send` may be driven by hand."""
    return _uvicorn_protocol(send) is not None or _daphne_protocol(send) is not None


def closes_in_a_task(send: Send) -> bool:
    """Whether a close may not be driven by hand.

    uvicorn's older protocol (`--ws websockets`) waits in it for the client's answer, under an
    `asyncio.timeout` that would cancel the task of whoever drove it, or find that there is none.
    """
    module = type(getattr(send, "__self__", None)).__module__
    return module == "uvicorn.protocols.websockets.websockets_impl"


def _uvicorn_protocol(send: Send) -> Any:
    owner = getattr(send, "__self__", None)
    return owner if type(owner).__module__.startswith("uvicorn.protocols.websockets.") else None


def _daphne_protocol(send: Send) -> Any:
    if isinstance(send, functools.partial) and send.func.__module__ == "daphne.server":
        return send.args[0]
    return None


def abort(send: Send) -> None:
    """Cut the connection behind a server's own `send`, unread bytes and all."""
    protocol = _uvicorn_protocol(send) or _daphne_protocol(send)
    transport = getattr(protocol, "transport", None)
    if transport is not None:
        cut = getattr(transport, "abortConnection", None) or transport.abort
        cut()


def register_producer(send: Send, producer: object) -> None:
    """On daphne, have `producer` told when the transport's buffer is full, and when not any more."""
    protocol = _daphne_protocol(send)
    if protocol is not None and protocol.transport is not None:
        # daphne leaves its HTTP channel there, which paused reading, not us.
        protocol.transport.unregisterProducer()
        protocol.transport.registerProducer(producer, True)


def unregister_producer(send: Send) -> None:
    """Take back `register_producer`: Twisted closes no transport whose producer it waits for."""
    protocol = _daphne_protocol(send)
    if protocol is not None and protocol.transport is not None:
        protocol.transport.unregisterProducer()


def name() -> str | None:
    """The server whose process this is, as its package is called; None where we know none."""
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is not None and reactor.running:
        return "daphne"
    # daphne may be imported under any server, since it is an app of Django's.
    return next((each for each in ("uvicorn", "hypercorn") if each in sys.modules), None)


def before_daphne_stops(
    drain: Callable[[], None], stop: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Under daphne, which has no lifespan, call `drain` and await `stop` before the reactor stops."""
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is None or not reactor.running:
        return

    def end() -> Any:
        drain()  # now: daphne cancels the tasks of its sockets at the same moment
        # The reactor goes on until the hub has stopped, and writes out the close frames meanwhile.
        stopping = asyncio.ensure_future(stop())
        return sys.modules["twisted.internet.defer"].Deferred.fromFuture(stopping)

    reactor.addSystemEventTrigger("before", "shutdown", end)

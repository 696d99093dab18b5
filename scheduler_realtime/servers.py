"""What we know of the servers we run under: whose `send` it is, and what lies behind it."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Collection, Coroutine, Generator, Hashable
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
        cut(transport)


def cut(transport: Any) -> None:
    """Cut a server's connection, unread bytes and all. Of one that is closed nothing is left to cut."""
    (getattr(transport, "abortConnection", None) or transport.abort)()


def bound_messages(send: Send, most: int) -> None:
    """Have the server refuse a client's message of more bytes while it comes, and not keep it.

    Unless told otherwise uvicorn keeps 16 MiB of one, and daphne whatever is sent.
    """
    protocol = _uvicorn_protocol(send)
    for owner, name in (
        (getattr(protocol, "conn", None), "max_message_size"),
        (getattr(protocol, "buffer", None), "max_length"),
        (protocol, "max_size"),
    ):
        if hasattr(owner, name):
            setattr(owner, name, most)
    if (protocol := _daphne_protocol(send)) is not None:
        _bound_daphnes(protocol, most)


def _bound_daphnes(protocol: Any, most: int) -> None:
    begin: Callable[[int], None] = protocol.onMessageFrameBegin

    def bounded(length: int) -> None:
        # Only while it judges what comes: by the same bound it refuses what we send.
        protocol.maxMessagePayloadSize = most
        try:
            begin(length)
        finally:
            protocol.maxMessagePayloadSize = 0

    protocol.onMessageFrameBegin = bounded


def stop_reading(send: Send) -> None:
    """Leave what the client sends in the kernel, so that it cannot go on sending."""
    if (protocol := _daphne_protocol(send)) is not None:
        if protocol.transport is not None and protocol.transport.connected:
            protocol.transport.pauseProducing()
    elif (transport := _uvicorn_transport(send)) is not None:
        transport.pause_reading()


def read_on(send: Send) -> None:
    """Take back `stop_reading`."""
    if (protocol := _daphne_protocol(send)) is not None:
        protocol.transport.resumeProducing()
    elif (transport := _uvicorn_transport(send)) is not None:
        if _uvicorn_protocol(send).read_paused:
            return  # until we have taken a message, as it sees to itself
        transport.resume_reading()


def _uvicorn_transport(send: Send) -> Any:
    """What uvicorn reads from, where it is open and tells of its buffer; else None."""
    protocol = _uvicorn_protocol(send)
    is_braced = hasattr(protocol, "read_paused") and not protocol.transport.is_closing()
    return protocol.transport if is_braced else None


def on_ping(send: Send, may_ping: Callable[[], bool]) -> None:
    """Ask before each ping is answered, which servers do by themselves; after a no, none is."""
    protocol = _uvicorn_protocol(send) or _daphne_protocol(send)
    for name in ("handle_ping", "onPing"):
        if (answer := getattr(protocol, name, None)) is not None:
            setattr(protocol, name, _asking(answer, may_ping))


def _asking(answer: Callable[..., None], may_ping: Callable[[], bool]) -> Callable[..., None]:
    is_over = False

    def ping(*payload: Any) -> None:
        nonlocal is_over
        is_over = is_over or not may_ping()
        if not is_over:
            answer(*payload)

    return ping


class _Valve:
    """Whoever does not read is not read either: what a server answers by itself must end, too.

    A client may send pings without end, and each is answered with a pong it does not read.
    """

    def __init__(self, send: Send) -> None:
        self._send = send

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        stop_reading(self._send)

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        read_on(self._send)

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The transport is gone."""


def brace(send: Send, most: int) -> None:
    """Before anybody knows who is there: bound its messages, and read nothing it makes us pile up."""
    bound_messages(send, most)
    register_producer(send, _Valve(send))


def register_producer(send: Send, producer: Any) -> None:
    """Have `producer` told when the transport's buffer is full, and when not any more.

    Nothing happens where the server tells nobody: then `send` waits.
    """
    if (protocol := _daphne_protocol(send)) is not None and protocol.transport is not None:
        # daphne leaves its HTTP channel there, which paused reading, not us.
        protocol.transport.unregisterProducer()
        protocol.transport.registerProducer(producer, True)
    elif (protocol := _uvicorn_protocol(send)) is not None and hasattr(protocol, "writable"):
        _register_with_uvicorn(protocol, producer)


def _register_with_uvicorn(protocol: Any, producer: Any) -> None:
    kind = type(protocol)

    def pause() -> None:
        kind.pause_writing(protocol)
        producer.pauseProducing()

    def resume() -> None:
        kind.resume_writing(protocol)
        producer.resumeProducing()

    protocol.pause_writing, protocol.resume_writing = pause, resume
    if not protocol.writable.is_set():
        producer.pauseProducing()


def unregister_producer(send: Send) -> None:
    """Take back `register_producer`: Twisted closes no transport whose producer it waits for."""
    if (protocol := _daphne_protocol(send)) is not None and protocol.transport is not None:
        protocol.transport.unregisterProducer()
    elif (protocol := _uvicorn_protocol(send)) is not None and hasattr(protocol, "writable"):
        _register_with_uvicorn(protocol, _Valve(send))


def neighbours(send: Send) -> Collection[Any]:
    """Every connection of the uvicorn behind a `send`, HTTP and WebSocket; none elsewhere."""
    return getattr(_uvicorn_protocol(send), "connections", ())


def unfinished(connections: Collection[Any]) -> dict[Hashable, Any]:
    """The transports on which a client has still to finish saying what it wants.

    `connections` are uvicorn's; daphne's are found. Each has a key of its own for each request.
    """
    found: dict[Hashable, Any] = {}
    for protocol in tuple(connections):
        if type(protocol).__module__.startswith("uvicorn.protocols.http."):
            cycle = protocol.cycle
            # Between two requests it has a timer, which the first byte of the next one ends.
            is_idle = protocol.timeout_keep_alive_task is not None
            if cycle is None or (cycle.response_complete and not is_idle):
                found[protocol, id(cycle)] = protocol.transport
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is not None and reactor.running:
        for transport in reactor.getReaders():
            channel = getattr(getattr(transport, "protocol", None), "_channel", None)
            if channel is not None and _is_unfinished(channel):
                found[transport, len(channel.requests) and id(channel.requests[-1])] = transport
    return found


def _is_unfinished(channel: Any) -> bool:
    """Whether a client of Twisted's is within its headers, or has never said anything."""
    if not channel.requests:
        return not hasattr(channel, "_command")
    return getattr(channel.requests[-1], "content", ()) is None


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

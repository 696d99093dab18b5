"""One socket's mailbox: a bounded queue, and the writer that empties it at the client's pace.

Where `send` is the server's own callable the writer drives it by hand, in the caller's turn of
the loop: a task for every send costs half as much again. Behind somebody's middleware it writes
from a task, since what is driven by hand there acts in the name of the wrong task.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from . import servers
from .backlog import Backlog, Item
from .conf import conf
from .servers import Rest, Send

logger = logging.getLogger(__name__)

CLOSE_GRACE: Final = 2.0
"""Seconds a close frame, or what was written before the end, may wait for the client to read on."""

HANDSHAKE_GRACE: Final = 12.0
"""Seconds the client has to answer a close frame: a little more than uvicorn waits, which then
flushes what the client may never read."""

ANSWER_WITHIN: Final = 1.0
"""Seconds after which what a client still sends, instead of that answer, is not read any more."""

UNHEARD_GRACE: Final = 1.0
"""Seconds the close frame of a client that floods has to reach it: nothing else is left to do."""


class Mailbox:
    """A queue of items for one socket, and its writer. Belongs to one event loop.

    `on_stuck` is called when a single send takes longer than `SEND_TIMEOUT`, or when replies
    pile up to twice the bounds; `on_space` once the queue is half empty again after `has_room`
    has said no; `on_abort` when the connection was cut, whether or not the server tells.
    """

    def __init__(
        self,
        send: Send,
        *,
        on_stuck: Callable[[], None],
        on_space: Callable[[], None],
        on_abort: Callable[[], None],
    ) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._on_stuck = on_stuck
        self._on_space = on_space
        self._on_abort = on_abort
        self._queue = Backlog()
        self._is_direct = servers.is_servers_own(send)
        self._writer: asyncio.Task[None] | None = None
        self._is_pumping = False
        self._is_paused = False
        self._was_full = False
        self._close_code: int | None = None
        self._answer_within, self._grace = ANSWER_WITHIN, HANDSHAKE_GRACE
        self._is_over = False
        self._is_finished = False
        self._stuck: asyncio.TimerHandle | None = None
        self._abort: asyncio.TimerHandle | None = None
        servers.register_producer(send, self)

    # Filling it.

    @property
    def dropped(self) -> int:
        """How many ephemeral items found no room."""
        return self._queue.dropped

    @property
    def close_code(self) -> int | None:
        """The code that the socket closes with, or None where it is not to close."""
        return self._close_code

    @property
    def is_closing(self) -> bool:
        """Whether nothing more will be written but what waits and a close frame."""
        return self._is_over or self._close_code is not None

    def has_room(self, size: int) -> bool:
        """Whether a durable item of that many bytes may be put in now, ephemeral ones apart.

        Those go for it, oldest first. An empty mailbox takes an item of any size.
        """
        if self._queue.make_room(size) or not self._queue.items:
            return True
        self._was_full = True
        return False

    def put(self, item: Item) -> None:
        """Queue an item and write what can be written at once.

        An ephemeral one that finds no room pushes the oldest ephemeral one out, or is dropped.
        """
        if self.is_closing:
            return
        if item.is_ephemeral and not self._queue.make_room(item.size):
            self._queue.drop(item)
            return
        self._queue.put(item)
        self._pump()
        # Only replies go beyond the bounds: this client asks, and does not read the answers.
        if self._queue.is_overdone:
            self._on_stuck()

    def put_ahead(self, item: Item) -> None:
        """Queue an item before all others, or not at all where too many such ones wait."""
        if not self.is_closing and self._queue.fits(item.size, times=1.5):
            self._queue.put_ahead(item)
            self._pump()

    def close(self, code: int, *, is_heard: bool = True) -> None:
        """Write what waits, then close with this code; abort if the client does not read.

        Of one that is not heard any more not even the answer to that is waited for.
        """
        if self.is_closing:
            return
        self._close_code = code
        if not is_heard:
            self._answer_within, self._grace = 0.0, UNHEARD_GRACE
        self._abort_in(CLOSE_GRACE)
        self._pump()

    def discard(self) -> None:
        """Forget what waits."""
        self._queue.clear()

    def finish(self) -> None:
        """The socket is gone: stop all timers and the writer. Safe at any time, and twice."""
        if self._is_finished:
            return
        has_closed = self._is_over
        self._is_over = self._is_finished = True
        self.discard()
        for timer in (self._stuck, self._abort):
            if timer is not None:
                timer.cancel()
        if self._writer is not None:
            self._writer.cancel()
        servers.unregister_producer(self._send)
        # A server closes by flushing first, for ever where the client does not read: uvicorn
        # would not end at SIGTERM. To a connection that is closed by then this does nothing.
        grace = self._grace if has_closed else CLOSE_GRACE
        self._loop.call_later(grace, servers.abort, self._send)

    def abort(self) -> None:
        """Cut the connection without a word: its client would not read one."""
        if not self._is_finished:
            self.finish()
            servers.abort(self._send)
            self._on_abort()

    def _abort_in(self, delay: float) -> None:
        if self._abort is not None:
            self._abort.cancel()
        self._abort = self._loop.call_later(delay, self.abort)

    # Emptying it.

    def _pump(self) -> None:
        """Write until the queue is empty, the client is behind, or a task has taken over."""
        if self._is_pumping or self._writer is not None or self._is_paused:
            return
        self._is_pumping = True
        try:
            if not self._is_direct:
                if not self._is_over and (self._queue.items or self._close_code is not None):
                    self._take_over(self._write_all(None))
                return
            while (message := self._next()) is not None:
                rest = self._start(message)
                if rest is not None:
                    self._take_over(self._write_all(rest))
                    return
        finally:
            self._is_pumping = False

    def _next(self) -> dict[str, Any] | None:
        """The next thing to send, or None where there is none now."""
        while not self._is_over and not self._is_paused and self._queue.items:
            item = self._queue.take()
            self._tell_of_space()
            text = item.text()
            if text is not None:
                item.count()
                return {"type": "websocket.send", "text": text}
        if self._is_over or self._is_paused or self._close_code is None or self._queue.items:
            return None
        self._is_over = True
        self._abort_in(self._grace)
        self._loop.call_later(self._answer_within, servers.stop_reading, self._send)
        return {"type": "websocket.close", "code": self._close_code}

    def _tell_of_space(self) -> None:
        if self._was_full and self._queue.is_half_empty:
            self._was_full = False
            self._on_space()

    def _start(self, message: dict[str, Any]) -> Awaitable[None] | None:
        """Drive one send by hand; what is left of it, or None where it is through."""
        coroutine = self._send(message)
        if message["type"] == "websocket.close" and servers.closes_in_a_task(self._send):
            return coroutine
        try:
            waits_for = self._context.run(coroutine.send, None)
        except StopIteration:
            return None
        except Exception as error:  # noqa: BLE001 - each server has its own errors for a lost client
            self._lost(error)
            return None
        return Rest(coroutine, waits_for)

    def _take_over(self, writing: Coroutine[Any, Any, None]) -> None:
        self._writer = self._loop.create_task(writing, context=self._context)
        self._writer.add_done_callback(self._written)

    async def _write_all(self, begun: Awaitable[None] | None) -> None:
        while True:
            if begun is None:
                message = self._next()
                if message is None:
                    return
                begun = self._send(message)
            self._watch()
            try:
                await begun
            except Exception as error:  # noqa: BLE001 - each server has its own errors for a lost client
                self._lost(error)
                return
            finally:
                self._unwatch()
            begun = None

    def _written(self, writer: asyncio.Task[None]) -> None:
        self._writer = None
        if not writer.cancelled() and not self._is_over:
            self._pump()

    def _lost(self, error: Exception) -> None:
        """A frame could not be written: end the connection, since the next would leave a gap."""
        logger.debug("A client was gone before a frame could be written: %r", error)
        self.abort()

    def _watch(self) -> None:
        self._unwatch()
        self._stuck = self._loop.call_later(conf().SEND_TIMEOUT, self._on_stuck)

    def _unwatch(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    # Twisted's IPushProducer: a transport buffers without bound, and says so this way.

    def hold_back(self) -> None:
        """A frame was taken: that the client is not read while it does not read still stands."""
        if self._is_paused:
            servers.stop_reading(self._send)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The transport's buffer is full. May be said again at each write while it stays so."""
        if not self._is_paused:
            self._is_paused = True
            self._watch()
            servers.stop_reading(self._send)

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The client has read on."""
        self._is_paused = False
        self._unwatch()
        servers.read_on(self._send)
        self._loop.call_soon(self._pump)

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The transport is gone."""
        self._is_paused = False
        self._unwatch()

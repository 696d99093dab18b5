"""The end of a hub: its process's signal reaches it before the server, and nothing stays unwritten."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Final, Protocol

from . import books, servers

logger = logging.getLogger(__name__)

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

LEAVE_WITHIN: Final = 2.0
"""Seconds the clients have to answer their close frames, or to read up to them."""

WRITE_WITHIN: Final = 5.0
"""Seconds for what waits to be written. With all else a hub ends within the 10 that `docker stop` gives."""


class House(Protocol):
    """What an ending needs of its hub."""

    loop: asyncio.AbstractEventLoop

    def drain(self) -> None: ...
    def is_empty(self) -> bool: ...
    async def shut(self) -> None: ...


class Ending:
    """Comes once for a hub, at a signal or when it is told to stop.

    uvicorn closes its sockets with a code of its own, before its lifespan tells us of the end. So
    we take the server's place in the main thread's signal handlers, and it is told once we are
    through. A second signal goes straight to it.

    `unwritten` is what writes to the database from memory: called when the sockets are gone.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self.unwritten: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._theirs: dict[int, Callable[[int, FrameType | None], object]] = {}
        self._is_asked = False
        self._untold: int | None = None
        self._coming: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Take over the signals somebody handles. Called in the thread of the loop."""
        servers.before_daphne_stops(self._house.drain, self.come)
        if threading.current_thread() is not threading.main_thread():
            return  # no signal arrives here, and nobody may handle any
        for number in SIGNALS:
            theirs = signal.getsignal(number)
            if callable(theirs) and theirs is not signal.default_int_handler:
                self._theirs[number] = theirs
                signal.signal(number, self._on_signal)

    def forget(self) -> None:
        """Put the handlers back that were there, unless others took their place meanwhile."""
        if threading.current_thread() is not threading.main_thread():
            return  # ours hands on at once, since its loop does not run any more
        for number, theirs in self._theirs.items():
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, theirs)

    async def come(self) -> None:
        """Drain, wait for the sockets to leave, write what waits, and shut. Safe to call twice."""
        self._house.drain()
        if self._coming is None:
            self._coming = asyncio.create_task(self._come())
        await asyncio.shield(self._coming)

    async def _come(self) -> None:
        await self._left()
        began = self._house.loop.time()
        await self._written()
        await self._house.shut()  # first: its tasks would open the books again
        await books.close(max(0, WRITE_WITHIN + began - self._house.loop.time()))
        self.forget()

    async def _left(self) -> None:
        deadline = self._house.loop.time() + LEAVE_WITHIN
        # A socket goes by many ways, and a process ends once: asking is simpler than being told.
        while not self._house.is_empty() and self._house.loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def _written(self) -> None:
        writing = (asyncio.wait_for(write(), WRITE_WITHIN) for write in self.unwritten)
        for error in await asyncio.gather(*writing, return_exceptions=True):
            if error is not None:
                logger.error("Something was left unwritten at the end.", exc_info=error)

    # In the main thread, between any two steps of whatever runs there.

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._is_asked or not self._house.loop.is_running():
            self._tell()
            self._theirs[number](number, frame)
            return
        self._is_asked, self._untold = True, number
        self._house.loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._house.drain()  # now: a server that has the signal by itself goes on at once
        coming = self._house.loop.create_task(self.come())
        coming.add_done_callback(self._came)

    def _came(self, coming: asyncio.Task[None]) -> None:
        if not coming.cancelled() and (error := coming.exception()) is not None:
            logger.error("The server ends with its work undone.", exc_info=error)
        self._tell()

    def _tell(self) -> None:
        """Hand the signal on to the server that we kept it from, once."""
        number, self._untold = self._untold, None
        if number is not None:
            self._theirs[number](number, None)

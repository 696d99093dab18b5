"""Gathering: one call for all who ask in a moment, however many they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from . import books

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Gathering(Generic[K, V]):
    """Answers many askers by one call in the books thread: while one runs, the next gather.

    `call` gets the keys asked for and returns what it found by key. `run` is `books.judge` where
    the judges are to answer. Belongs to one event loop.
    """

    def __init__(
        self,
        call: Callable[[list[K]], Mapping[K, V]],
        *,
        run: Callable[..., Awaitable[Any]] = books.run,
    ) -> None:
        self._call, self._run_in_thread = call, run
        self._asked: dict[K, asyncio.Future[V]] = {}
        self._running: asyncio.Task[None] | None = None

    async def find(self, key: K) -> V:
        """What the call found for the key. Raises what it raised, or `KeyError` for nothing."""
        future = self._asked.get(key)
        if future is None:
            future = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                found = await self._run_in_thread(self._call, list(asked))
            except Exception as error:  # noqa: BLE001 - each who asked is told
                for future in asked.values():
                    future.set_exception(error)
            else:
                for key, future in asked.items():
                    if key in found:
                        future.set_result(found[key])
                    else:
                        future.set_exception(KeyError(key))


class PerLoop(Generic[K, V]):
    """A gathering for each event loop there is, for what belongs to none."""

    def __init__(self, call: Callable[[list[K]], Mapping[K, V]]) -> None:
        self._call = call
        self._gatherings: WeakKeyDictionary[asyncio.AbstractEventLoop, Gathering[K, V]] = (
            WeakKeyDictionary()
        )

    async def find(self, key: K) -> V:
        """As `Gathering.find`, with those who ask in the same loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._gatherings:
            self._gatherings[loop] = Gathering(self._call)
        return await self._gatherings[loop].find(key)

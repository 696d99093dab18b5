"""The door of a hub: who may come in, who has still to say who they are, and when it is shut."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sized
from typing import Any

from . import close_codes
from .conf import conf
from .exceptions import TokenRejected
from .ratelimit import Buckets
from .values import Key


class Door:
    """Counts the sockets on their way in. Belongs to one event loop; `inside` are those that are in.

    `frames` and `replays` are what each user may still do here, with however many sockets, and
    whenever they were opened. `elsewhere` is how many sockets other processes have, as was seen last.
    """

    def __init__(self, inside: Sized) -> None:
        self._inside = inside
        self._entering = 0
        self._strangers: set[asyncio.Timeout] = set()
        self._is_shut = False
        self.elsewhere = 0
        self._of_users: Counter[Key] = Counter()
        self._of_addresses: Counter[str] = Counter()
        limits = conf()
        self.frames = Buckets(limits.USER_FRAMES_BURST, limits.USER_FRAMES_PER_SECOND)
        self.replays = Buckets(limits.REPLAYS_PER_MINUTE, limits.REPLAYS_PER_MINUTE / 60)

    @property
    def is_shut(self) -> bool:
        """Whether nobody is let in any more, since the process is about to end."""
        return self._is_shut

    @property
    def is_quiet(self) -> bool:
        """Whether no socket is on its way in."""
        return not self._entering and not self._strangers

    def check(self) -> None:
        """Raise `TokenRejected`, with the code to close with, where no other socket is taken."""
        if self._is_shut:
            raise TokenRejected("The server is about to end.", close_code=close_codes.DRAINING)
        limits, here = conf(), len(self._inside) + self._entering
        total = limits.MAX_CONNECTIONS_TOTAL
        is_full = total is not None and here + self.elsewhere >= total
        if is_full or here >= limits.MAX_CONNECTIONS:
            raise _full()

    @contextlib.contextmanager
    def entering(self) -> Iterator[None]:
        """Count a socket for which something is still looked up. Raises as `check` does."""
        self.check()
        self._entering += 1
        try:
            yield
        finally:
            self._entering -= 1
        self.check()  # by now the process may be about to end

    def from_address(self, address: str) -> contextlib.AbstractContextManager[None]:
        """Count a socket of this address for as long as it is open; one without counts for nobody.

        Raises `TokenRejected` where it has too many already.
        """
        most = conf().MAX_CONNECTIONS_PER_ADDRESS if address else None
        return _counted(self._of_addresses, address, most)

    def of_user(self, user_id: Key) -> contextlib.AbstractContextManager[None]:
        """Count a socket of this user likewise."""
        return _counted(self._of_users, user_id, conf().MAX_CONNECTIONS_PER_USER)

    async def first_word(self, receive: Callable[[], Awaitable[Any]]) -> Any:
        """What somebody unknown says first. Of those, only so many may wait.

        Raises `TokenRejected` where there are too many, or nothing is said in time.
        """
        if len(self._strangers) >= conf().MAX_UNAUTHENTICATED:
            raise _full()
        patience = asyncio.timeout(conf().AUTHENTICATE_TIMEOUT)
        try:
            async with patience:
                self._strangers.add(patience)
                return await receive()
        except TimeoutError:
            self.check()
            detail = "No credential was given in time."
            raise TokenRejected(detail, close_code=close_codes.UNAUTHENTICATED) from None
        finally:
            self._strangers.discard(patience)

    def shut(self) -> None:
        """Let nobody in any more; who has not said who they are is told so at once."""
        self._is_shut = True
        for patience in self._strangers:
            with contextlib.suppress(RuntimeError):  # its time is up already
                patience.reschedule(0)


def _full() -> TokenRejected:
    return TokenRejected("The server is full.", close_code=close_codes.AT_CAPACITY)


@contextlib.contextmanager
def _counted(counts: Counter[Any], key: Any, most: int | None) -> Iterator[None]:
    if most is not None and counts[key] >= most:
        raise TokenRejected("Too many connections.", close_code=close_codes.TOO_MANY)
    counts[key] += 1
    try:
        yield
    finally:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]

"""A mailbox on a line without the network, and what it told its owner."""

from collections.abc import Callable
from typing import Any

from scheduler_realtime.backlog import Item
from scheduler_realtime.mailbox import Mailbox
from tests.harness.line import Line, turns, until

SLOW_READER = 4412


class Box:
    """A mailbox on a line, and what it told its owner. It ends as a connection ends it."""

    def __init__(self, line: Line, send: Callable[[dict[str, Any]], Any]) -> None:
        self.line = line
        self.spaces = self.aborts = 0
        self.mailbox = Mailbox(
            send, on_stuck=self._stuck, on_space=self._space, on_abort=self._aborted
        )

    def put(self, text: str | None, *, size: int = 10, is_ephemeral: bool = False) -> None:
        self.mailbox.put(Item(text=lambda: text, size=size, is_ephemeral=is_ephemeral))

    def fill(self, *texts: str, is_ephemeral: bool = False) -> None:
        for text in texts:
            self.put(text, is_ephemeral=is_ephemeral)

    async def says(self, *texts: str) -> None:
        await until(lambda: len(self.line.texts) >= len(texts))
        assert self.line.texts == list(texts)

    def _stuck(self) -> None:
        self.mailbox.discard()
        self.mailbox.close(SLOW_READER)

    def _space(self) -> None:
        self.spaces += 1

    def _aborted(self) -> None:
        self.aborts += 1


async def stall(box: Box) -> None:
    """Have the client stop reading with one frame, `held`, on its way: what follows waits."""
    box.line.stall()
    box.put("held")
    await turns()

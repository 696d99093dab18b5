"""The recent rows a hub has in memory, so that many who catch up share one reading."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Final

from .log import Row

ROWS: Final = 2000
"""Rows kept, up to twice as many: twice what the log itself keeps by default."""

BYTES: Final = 2 * 1024 * 1024
"""Bytes of payload kept, up to twice as many; with what is encoded of them some three times that."""


class Ring:
    """Rows in order, newest last. `floor` is the position behind which all of them are here."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._bytes = 0
        self.floor = 0

    def restart(self, position: int) -> None:
        """Forget everything: what comes next comes behind this position."""
        self._rows.clear()
        self._bytes = 0
        self.floor = position

    def append(self, row: Row) -> None:
        """Add the next row. The older ones go when there is no room for another."""
        if len(self._rows) == 2 * ROWS or self._bytes + row.size > 2 * BYTES:
            self._shrink()
        self._rows.append(row)
        self._bytes += row.size

    def _shrink(self) -> None:
        gone = 0
        while len(self._rows) - gone > ROWS or self._bytes > BYTES:
            self._bytes -= self._rows[gone].size
            gone += 1
        if gone:
            self.floor = self._rows[gone - 1].position
            del self._rows[:gone]

    def after(self, position: int, limit: int) -> tuple[Row, ...] | None:
        """Up to `limit` rows behind a position; None where only the log has them all."""
        if position < self.floor:
            return None
        start = bisect_right(self._rows, position, key=attrgetter("position"))
        return tuple(self._rows[start : start + limit])

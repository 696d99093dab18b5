"""The recent rows a hub has in memory, so that many who catch up share one reading."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Final

from .log import Row

ROWS: Final = 2000
"""Rows kept at the least, up to twice as many: some four to eight megabytes, and twice what the
log itself keeps by default."""


class Ring:
    """Rows in order, newest last. `floor` is the position behind which all of them are here."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self.floor = 0

    def restart(self, position: int) -> None:
        """Forget everything: what comes next comes behind this position."""
        self._rows.clear()
        self.floor = position

    def append(self, row: Row) -> None:
        """Add the next row. The older half goes when there is no room for another."""
        if len(self._rows) == 2 * ROWS:
            self.floor = self._rows[ROWS - 1].position
            del self._rows[:ROWS]
        self._rows.append(row)

    def after(self, position: int, limit: int) -> tuple[Row, ...] | None:
        """Up to `limit` rows behind a position; None where only the log has them all."""
        if position < self.floor:
            return None
        start = bisect_right(self._rows, position, key=attrgetter("position"))
        return tuple(self._rows[start : start + limit])

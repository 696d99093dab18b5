"""The shelf: pages read from the log for somebody who is behind, kept for others who are as far."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from . import books, log
from .log import Page

ROWS: Final = 2000
"""Rows kept: four times what a client may have missed."""

BYTES: Final = 2 * 1024 * 1024
"""Bytes of payload kept, or the page read last; with what is encoded of them some three times that."""


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A page with the position it was read from: it has every row from there to its last one."""

    start: int
    page: Page
    size: int

    def has(self, position: int, epoch: str) -> bool:
        is_within = self.start <= position < self.page.rows[-1].position
        return is_within and self.page.state.epoch == epoch


class Shelf:
    """Shares what is read: a thousand clients that come back at once were away for as long.

    What has its position does not change any more, so a page is right as long as its log is.
    Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._reading = asyncio.Lock()

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    async def after(self, position: int, limit: int, epoch: str) -> Page:
        """Up to `limit` rows behind a position of that epoch, or whatever else the log has now.

        Raises `HistoryGap` where some are gone, and `Error`.
        """
        page = self._find(position, limit, epoch)
        if page is None:
            # Whoever asks meanwhile finds it here; the books thread reads but one at a time.
            async with self._reading:
                page = self._find(position, limit, epoch)
                if page is None:
                    page = await books.run(log.read_after, position, limit=limit)
                    self._keep(position, page)
        return page

    def _find(self, position: int, limit: int, epoch: str) -> Page | None:
        for kept in self._kept:
            if kept.has(position, epoch):
                rows = kept.page.rows
                at = bisect_right(rows, position, key=attrgetter("position"))
                return Page(rows=rows[at : at + limit], state=kept.page.state)
        return None

    def _keep(self, start: int, page: Page) -> None:
        if page.rows:
            size = sum(row.size for row in page.rows)
            self._kept.append(_Kept(start=start, page=page, size=size))
        while len(self._kept) > 1 and not self._fits():
            del self._kept[0]

    def _fits(self) -> bool:
        rows = sum(len(kept.page.rows) for kept in self._kept)
        return rows <= ROWS and sum(kept.size for kept in self._kept) <= BYTES

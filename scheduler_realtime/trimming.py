"""Trimming: how much of the log is kept, and which alerts nobody waits for any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from . import log, receipts
from .conf import conf
from .judging import audience_of
from .log import Bounds, Filed

AWAITED: Final = 50
"""Messages of which a round asks whether everybody has acknowledged them: a query or two each."""


def bounds() -> Bounds:
    """How much of the log is kept, as the settings say."""
    return Bounds(
        keep=conf().MESSAGE_HISTORY_SIZE,
        min_age=conf().MESSAGE_MIN_AGE,
        retention=conf().MESSAGE_RETENTION,
    )


class Trimmer:
    """Trims the log in small batches; an append waits for none of them.

    What lies outside the bounds goes, except what somebody must acknowledge: that stays until it
    expires, or until every active user who may see it has acknowledged it. Blocks on the
    database: for the books thread.
    """

    def __init__(self) -> None:
        self._asked = 0

    def trim(self) -> int:
        """Delete one batch. Returns how many messages it took: with fewer than `log.BATCH`, all."""
        kept = bounds()
        trimmed = log.trim(kept)
        if trimmed < log.BATCH:
            trimmed += self._trim_awaited(kept)
        return trimmed

    @property
    def is_through(self) -> bool:
        """Whether the last batch went through the last of what awaits acknowledgements."""
        return self._asked == 0

    def _trim_awaited(self, kept: Bounds) -> int:
        """The next few that are kept for their acknowledgements: round after round, all of them."""
        asked = log.awaited_outside(kept, after=self._asked, batch=AWAITED)
        self._asked = asked[-1].position if len(asked) == AWAITED else 0
        return log.discard(_settled(asked))


def _settled(messages: Iterable[Filed]) -> Iterator[Filed]:
    """Those that everybody who may see them has acknowledged."""
    members: dict[tuple[frozenset[str], frozenset[str], str], frozenset[Any]] = {}
    for message in messages:
        whose = (message.groups, message.needs, message.subject)
        if whose not in members:
            members[whose] = audience_of(message)
        if members[whose] <= receipts.acknowledged_by(message):
            yield message

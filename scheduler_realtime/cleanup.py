"""Cleaning up: at once, and to its end, what hubs remove in their rounds."""

from __future__ import annotations

from dataclasses import dataclass

from . import log, presence, statistics, tickets
from .trimming import Trimmer, bounds


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """How many of each were removed."""

    stale_connections: int
    dead_nodes: int
    left_users: int
    expired_messages: int
    trimmed_messages: int
    tickets: int
    samples: int


def clean_up() -> Cleaned:
    """Remove what nobody needs any more. Safe beside running servers, and twice.

    The log goes in batches, so that an append waits for one at the most. An expired message goes
    where the log kept it only for its acknowledgement. Blocks on the database.
    """
    log.state()  # by its clock is judged what is old
    swept = presence.sweep()
    return Cleaned(
        stale_connections=swept.connections,
        dead_nodes=swept.nodes,
        left_users=len(swept.users),
        expired_messages=_drop_expired(),
        trimmed_messages=_trim(),
        tickets=tickets.sweep(),
        samples=statistics.sweep(),
    )


def _drop_expired() -> int:
    dropped = batch = log.drop_expired(bounds())
    while batch == log.BATCH:
        batch = log.drop_expired(bounds())
        dropped += batch
    return dropped


def _trim() -> int:
    trimmer = Trimmer()
    trimmed = batch = trimmer.trim()
    while batch >= log.BATCH or not trimmer.is_through:
        batch = trimmer.trim()
        trimmed += batch
    return trimmed

"""Sweeping: what dead nodes left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What was removed, and who left by it."""

    nodes: int
    connections: int
    users: tuple[Any, ...]


def sweep() -> Swept:
    """Remove nothing yet."""
    return Swept(nodes=0, connections=0, users=())

"""What this process has counted since it began: messages, refusals, and how long they took."""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["published", "delivered", "dropped", "replayed", "received"]

KINDS: Final[tuple[Kind, ...]] = ("published", "delivered", "dropped", "replayed", "received")
"""What is counted by message type.

`published`: got a position from this process's relay, or was carried by it, where it is ephemeral.
`delivered`: its frame was handed to the server's own send. `replayed`: those of them that somebody
had missed, or gets again. `dropped`: ephemeral ones for which a mailbox had no room. `received`:
what clients said, by command; `bad` and `rate_limited` are what was not acted upon.
"""

BOUNDS: Final = tuple(float(f"{0.0005 * 120_000 ** (step / 39):.3g}") for step in range(40))
"""The upper bounds of the buckets of a latency, in seconds: from half a millisecond to a minute,
each a third more than the one before. What took longer is in one more bucket behind them."""

NAMES: Final = 100
"""Types counted by name. Anybody may send to the layer what he likes: the rest is `other`."""

LONGEST: Final = 64
"""Characters of a type in the log; whatever is longer is `other` as well."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was counted up to a moment. `latency` has a number for each bucket."""

    messages: Mapping[Kind, Mapping[str, int]]
    refused: Mapping[str, int]
    latency: Sequence[int]
    latency_sum: float
    connections: int
    peak: int


@dataclass(slots=True)
class _Counts:
    """Everything that is counted. The lock is held for a few instructions at a time.

    It may be taken again by the thread that has it: a signal handler may publish something.
    """

    lock: threading.RLock = field(default_factory=threading.RLock)
    messages: dict[Kind, dict[str, int]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )
    refused: Counter[str] = field(default_factory=Counter)
    latency: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    latency_sum: float = 0.0
    connections: int = 0
    peak: int = 0


_counts = _Counts()


def count(kind: Kind, type: str, number: int = 1) -> None:  # noqa: A002 - the wire's own word
    """Count messages of a type. From any thread."""
    with _counts.lock:
        _add(_counts.messages[kind], type, number)


def deliver(type: str, *, is_replay: bool = False, took: float | None = None) -> None:  # noqa: A002
    """Count a message's frame that is handed to the server. From any thread.

    `took`: for how many seconds it was on its way to a live socket. That begins when the message
    was appended: where its transaction went on for long before it committed, the wait is in it.
    It ends where the server takes the frame: what the network does with it then is not.
    """
    counts = _counts
    with counts.lock:
        _add(counts.messages["delivered"], type, 1)
        if is_replay:
            _add(counts.messages["replayed"], type, 1)
        if took is not None:
            counts.latency[bisect_left(BOUNDS, took)] += 1
            counts.latency_sum += max(took, 0.0)


def _add(by_type: dict[str, int], name: str, number: int) -> None:
    if name not in by_type and (len(by_type) >= NAMES or len(name) > LONGEST):
        name = "other"
    by_type[name] = by_type.get(name, 0) + number


def refuse(code: int) -> None:
    """Count a handshake that was refused: by close code, or 403 for a foreign page's."""
    with _counts.lock:
        _counts.refused[str(code)] += 1


def connected(number: int) -> None:
    """Note how many sockets there are now."""
    counts = _counts
    with counts.lock:
        counts.connections = number
        counts.peak = max(counts.peak, number)


def snapshot() -> Snapshot:
    """What was counted up to now. From any thread."""
    counts = _counts
    with counts.lock:
        return Snapshot(
            messages={kind: dict(by_type) for kind, by_type in counts.messages.items()},
            refused=dict(counts.refused),
            latency=tuple(counts.latency),
            latency_sum=counts.latency_sum,
            connections=counts.connections,
            peak=counts.peak,
        )


def between(before: Snapshot, after: Snapshot) -> Snapshot:
    """What was counted between two moments; the sockets are those of the later one."""
    return Snapshot(
        messages={
            kind: {
                name: number - before.messages[kind].get(name, 0)
                for name, number in by_type.items()
            }
            for kind, by_type in after.messages.items()
        },
        refused={
            code: number - before.refused.get(code, 0) for code, number in after.refused.items()
        },
        latency=[late - early for early, late in zip(before.latency, after.latency, strict=True)],
        latency_sum=after.latency_sum - before.latency_sum,
        connections=after.connections,
        peak=after.peak,
    )


def quantile(latency: Sequence[int], share: float) -> float | None:
    """The seconds within which that share of a histogram's messages came; None where it is empty.

    Within a bucket they are taken to be spread evenly; beyond the last bound it says that bound.
    """
    rank, seen = share * sum(latency), 0
    for bucket, number in enumerate(latency):
        if number and seen + number >= rank:
            if bucket == len(BOUNDS):
                return BOUNDS[-1]
            floor = BOUNDS[bucket - 1] if bucket else 0.0
            return floor + (BOUNDS[bucket] - floor) * (rank - seen) / number
        seen += number
    return None


def forget() -> None:
    """Begin to count anew: in a child, which is another process, and in tests."""
    global _counts  # noqa: PLW0603 - one count a process
    _counts = _Counts()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)

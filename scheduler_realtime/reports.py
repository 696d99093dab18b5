"""What a node says of itself, as the text in its row and in its samples, read whatever stands there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .counters import BOUNDS, Kind

logger = logging.getLogger(__name__)

Number = Annotated[int, Field(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Field(ge=0)]

Histogram = dict[Annotated[int, Field(ge=0, le=len(BOUNDS))], Number]
"""How many messages in each bucket of `counters.BOUNDS`; the empty ones are left out."""


class _Text(BaseModel):
    """Unknown keys are ignored and absent ones are nothing: the nodes need not be of one version."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Report(_Text):
    """The text in `Node.report`.

    `minute` counts what was in the last `window` seconds, about sixty; all else is since the
    process began, or as it is now.
    """

    messages: dict[Kind, dict[str, Number]] = {}
    refused: dict[str, Number] = {}
    latency: Histogram = {}
    latency_sum: Seconds = 0
    window: Seconds = 0
    minute: dict[Kind, Number] = {}
    latency_minute: Histogram = {}
    connections: Number = 0
    peak_connections: Number = 0
    users: Number = 0
    by_role: dict[str, Number] = {}
    position: Number = 0
    hub_lag_seconds: Seconds = 0
    uptime_seconds: Seconds = 0
    versions: dict[str, str] = {}


class SampleText(_Text):
    """The text in `Sample.body`: what a node did in some `seconds`, and how it stood then.

    `users` are those of all nodes, and so are those by role, which one node of them all tells.
    """

    seconds: Seconds = 0
    connections: Number = 0
    published: Number = 0
    delivered: Number = 0
    latency: Histogram = {}
    relay_lag_seconds: Seconds = 0
    hub_lag_seconds: Seconds = 0
    users: Number = 0
    by_role: dict[str, Number] | None = None


T = TypeVar("T", Report, SampleText)

REMEMBERED: Final = 1000
_complained: set[str] = set()


def read(kind: type[T], text: str, *, whose: str) -> T:
    """The text as that kind. One that cannot be read is all zeros, and the log says so once."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        if whose not in _complained and len(_complained) < REMEMBERED:
            _complained.add(whose)
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "text"
            logger.warning(
                "What %s reports cannot be read, and counts as nothing: %s: %s",
                whose,
                where,
                first["msg"],
            )
        return kind()


def sparse(latency: Sequence[int]) -> Histogram:
    """A histogram without its empty buckets."""
    return {bucket: number for bucket, number in enumerate(latency) if number}


def summed(histograms: Sequence[Histogram]) -> list[int]:
    """Several histograms as one, with its empty buckets."""
    total = [0] * (len(BOUNDS) + 1)
    for histogram in histograms:
        for bucket, number in histogram.items():
            total[bucket] += number
    return total

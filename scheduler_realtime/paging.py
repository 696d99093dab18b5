"""Paging: many things as several lists, each of which one statement takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def pages(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """The things in their order, at most `size` of them in each list; none where there are none."""
    listed = list(things)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]

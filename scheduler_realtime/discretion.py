"""Discretion: what fails says where and of what kind, and carries no values of messages along.

Django's reports to administrators, and those of services like Sentry, show the local variables of
every frame of a traceback: of ours they would be payloads, and of the database's their statements.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def forget_values(error: BaseException) -> None:
    """Empty the frames that an error has come through, and those of what it came from."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        traceback.clear_frames(following.__traceback__)
        following = following.__cause__ or following.__context__


def discreet(function: Callable[P, R]) -> Callable[P, R]:
    """Have what the function raises carry no local variables from here on down."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            args, kwargs = (), {}  # type: ignore[assignment]  # this frame stays as it is
            forget_values(error)
            raise

    return guarded


def told_of(error: BaseException) -> str:
    """Where an error came from, and its kind: for a log, where its own words may quote a patient."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{type(error).__qualname__}\n{frames}"

"""Who causes what happens now: the request's user, or whom `acting_as` names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_actor: ContextVar[Callable[[], Any] | None] = ContextVar("scheduler_realtime_actor", default=None)


@contextmanager
def acting_as(user: Any) -> Iterator[None]:
    """Name who causes the changes made inside the block, in this thread or task.

    `user` is a user, a primary key, or None for nobody. Blocks nest.

        with acting_as(request.user):
            surgery.save()
    """
    with asking(lambda: user):
        yield


@contextmanager
def asking(who: Callable[[], Any]) -> Iterator[None]:
    """The same, with a callable that is asked only when something has happened.

    DRF puts its token's user on the request long after the middleware has run.
    """
    token = _actor.set(who)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> Any:
    """The primary key of whoever acts now, or None where nobody is known."""
    who = _actor.get()
    return key_of(who()) if who is not None else None


def key_of(user: Any) -> Any:
    """The primary key of a user, or of what stands for one; None for nobody and for anonymous."""
    if user is None or not getattr(user, "is_authenticated", True):
        return None
    return getattr(user, "pk", user)

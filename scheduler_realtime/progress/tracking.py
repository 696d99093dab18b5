"""Tracking a run: from the `with` that begins it to the word by which it ends, whatever happens."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
import weakref
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final

from django.db import connections

from scheduler_realtime import log
from scheduler_realtime.audience import Audience
from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.publishing import actor_key

from .figures import Direction, Figures
from .holding import Held
from .pulse import END_WITHIN, InTest, Pulse, refuse_transaction
from .run import Run

logger = logging.getLogger(__name__)

HEED_WITHIN: Final = 4.0
"""Seconds that engines have to stop at the end of their process, and to be told of."""

CUT_OFF: Final = "The server that ran it was told to end."

_UNWRITTEN: Final = "The end of the optimisation %r could not be written: its lease will end."

_here: Final[weakref.WeakValueDictionary[str, _Tracking]] = weakref.WeakValueDictionary()
"""The runs of this process, by name."""


def track_optimization(
    *,
    user: Any = None,
    total_iterations: int | None = None,
    users: Iterable[Any] | None = None,
    roles: Iterable[str] | None = None,
    optimization_id: Any = None,
    direction: Direction = "minimize",
) -> _Tracking:
    """Tell of an optimisation while it runs, and hear whether it is to stop.

        with track_optimization(user=request.user, total_iterations=500) as run:
            for number in range(500):
                run.update(iteration=number + 1, score=engine.step())
                if run.cancelled:
                    break

    `user` is who started it (by default who acts now); `users` and `roles` are who hear of it,
    beside that user: everyone by default. `total_iterations` None is not known. `optimization_id`
    is made up where none is given. `direction`, `minimize` or `maximize`, says which score is the
    better one. `async with` likewise.

    The first state is written before the block begins, the last one when it is left: `completed`,
    `cancelled` where the engine heeded that, `failed` where an exception leaves it, which goes on.
    Where this process dies the run is told `failed` by another within 30 s. Raises
    `OptimizationRunning` and `OptimizationEnded` for a name that is taken, `OptimizationNotBegun`
    inside of a transaction, and `django.db.Error` where the first state cannot be written; where
    the last one cannot, that is logged, and the run fails by its lease.
    """
    actor = actor_key(user)
    if (users is not None or roles is not None) and actor is not None:
        users = [*(users or ()), actor]
    name = str(uuid.uuid4() if optimization_id is None else optimization_id)
    held = Held(optimization_id=name, groups=Audience(users=users, roles=roles).groups, actor=actor)
    return _Tracking(held, Figures(total=total_iterations, direction=direction))


class _Tracking:
    """One run, to be entered once: in sync code or in async code."""

    def __init__(self, held: Held, figures: Figures) -> None:
        figures.payload(held.optimization_id)  # raises what is wrong with the name, before anything
        self._held, self._figures = held, figures
        self._run: Run | None = None
        self._keeper: Pulse | InTest | None = None

    def __enter__(self) -> Run:
        connection = connections[log.database()]
        refuse_transaction(connection)
        run, keeper = self._make(is_in_test=connection.in_atomic_block)
        try:
            keeper.begin().result()
        except BaseException as error:
            self._give_up(error)
            raise
        return self._began(run)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        run, keeper = self._parts()
        if not run.is_here:
            return  # a child that was forked leaves its parent's block
        ended = keeper.end(run.ending(error))
        try:
            run.status = ended.result(END_WITHIN * 1.5)
        except Exception:
            logger.exception(_UNWRITTEN, run.optimization_id)
        finally:
            _here.pop(run.optimization_id, None)

    async def __aenter__(self) -> Run:
        run, keeper = self._make(is_in_test=False)
        try:
            await asyncio.shield(asyncio.wrap_future(keeper.begin()))
        except BaseException as error:
            self._give_up(error)
            raise
        return self._began(run)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        run, keeper = self._parts()
        if not run.is_here:
            return
        ended = asyncio.wrap_future(keeper.end(run.ending(error)))
        try:
            async with asyncio.timeout(END_WITHIN * 1.5):
                run.status = await asyncio.shield(ended)
        except Exception:
            logger.exception(_UNWRITTEN, run.optimization_id)
        finally:
            _here.pop(run.optimization_id, None)

    def look(self) -> None:
        """Have it look for a wish to stop, now. From any thread, blocking nothing."""
        if isinstance(self._keeper, Pulse):
            self._keeper.look()

    def cut_off(self) -> None:
        """Have its engine stop, since this process is about to end."""
        if self._run is not None:
            self._run.cancel(CUT_OFF)

    def _make(self, *, is_in_test: bool) -> tuple[Run, Pulse | InTest]:
        if self._run is not None:
            raise InvalidMessage("optimization_id", "a run is entered once; track another one")
        look = self._look_in_test if is_in_test else None
        self._run = run = Run(self._held, self._figures, look=look)
        self._keeper = keeper = InTest(run) if is_in_test else Pulse(run)
        return run, keeper

    def _give_up(self, error: BaseException) -> None:
        """End what may have begun: whoever was interrupted as it did will never leave the block."""
        if self._run is not None and isinstance(self._keeper, Pulse):
            self._keeper.end(self._run.ending(error))

    def _look_in_test(self) -> None:
        if self._keeper is not None:
            self._keeper.look()

    def _began(self, run: Run) -> Run:
        run.status = "running"
        _here[run.optimization_id] = self
        return run

    def _parts(self) -> tuple[Run, Pulse | InTest]:
        if self._run is None or self._keeper is None:
            raise InvalidMessage("optimization_id", "a run that was not entered cannot end")
        self._run.status = "ending"
        return self._run, self._keeper


def look(optimization_id: str) -> None:
    """Have a run look for a wish to stop, if it is in this process. From any thread."""
    tracking = _here.get(optimization_id)
    if tracking is not None:
        tracking.look()


async def cut_off() -> None:
    """Have every run of this process stop, and wait a moment for their last words.

    An engine that does not heed it ends with the process, and its run by its lease.
    """
    deadline = time.monotonic() + HEED_WITHIN
    for tracking in list(_here.values()):
        tracking.cut_off()
    # They end in threads of their own, and a process ends once: asking is simpler.
    while _here and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def _after_fork() -> None:
    _here.clear()  # a child has none of its parent's threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

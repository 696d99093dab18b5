"""Optimisations of a day on demand: over REST, in a thread of the server, one at a time for a day.

A host that has Celery would call a task in place of the thread.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from threading import Thread
from typing import Any

from django.db import connections
from django.utils import timezone
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scheduler_realtime import (
    OptimizationEnded,
    OptimizationFailed,
    OptimizationRunning,
    track_optimization,
)

from . import optimizer

logger = logging.getLogger(__name__)

MAY_START = "scheduling.optimize_day"


class Refused(Exception):
    """Why no optimisation was begun, for a person."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A run that is told of already; `work` optimises, and ends it."""

    run: Any
    work: Callable[[], optimizer.Outcome | None]


def begin(today: date, user: Any, seconds: float) -> Started:
    """Begins a run for that day. Raises `Refused` while there is one, on whichever node."""
    if today < timezone.localdate():
        raise Refused("This day is over.")
    stack = ExitStack()
    run = _named(today, user, stack)

    def work() -> optimizer.Outcome | None:
        try:
            with stack:
                return optimizer.optimize(run, today, user, seconds)
        finally:
            connections.close_all()

    return Started(run=run, work=work)


def _named(today: date, user: Any, stack: ExitStack) -> Any:
    """The run by the next free name, which is the lock: of one day only one run can have it."""
    number = 0
    while True:
        number += 1
        name = f"day-{today}-{number}"
        try:
            return stack.enter_context(track_optimization(user=user, optimization_id=name))
        except OptimizationEnded:
            continue
        except OptimizationRunning:
            raise Refused("This day is being optimised already.") from None


class Wish(serializers.Serializer):
    date = serializers.DateField(input_formats=["%Y-%m-%d"])
    seconds = serializers.FloatField(
        default=optimizer.SECONDS, min_value=1, max_value=optimizer.MOST_SECONDS
    )


class Optimizations(APIView):
    """GET: whether there is an optimiser here, and the user may start it. POST: starts it."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        may_start = request.user.has_perm(MAY_START)
        return Response({"available": optimizer.is_available(), "may_start": may_start})

    def post(self, request: Request) -> Response:
        if not request.user.has_perm(MAY_START):
            self.permission_denied(request, message=f"It takes the permission {MAY_START}.")
        if not optimizer.is_available():
            return Response({"detail": "There is no optimiser here: install ortools."}, status=501)
        wish = Wish(data=request.data)
        wish.is_valid(raise_exception=True)
        asked = wish.validated_data
        try:
            started = begin(asked["date"], request.user, asked["seconds"])
        except Refused as refusal:
            return Response({"detail": str(refusal)}, status=409)
        # A daemon: the server's end stops the run, and waits for nobody who does not heed that.
        Thread(target=_work, args=[started], name="optimize", daemon=True).start()
        return Response({"optimization_id": started.run.optimization_id}, status=202)


def _work(started: Started) -> None:
    try:
        started.work()
    except OptimizationFailed:
        pass  # it was told to everybody
    except Exception:
        logger.exception("The optimisation %s failed.", started.run.optimization_id)

"""What was told of runs, as the database has it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connections
from django.utils import timezone

from scheduler_realtime.models import Message, OptimizationRun
from scheduler_realtime.progress import holding
from scheduler_realtime.progress.figures import Figures
from tests.harness.child import wait_for

Frames = list[dict[str, Any]]


def told() -> Frames:
    """The data of what stands in the log, in order."""
    bodies = Message.objects.filter(type="optimization_progress").order_by("pk")
    return [json.loads(body) for body in bodies.values_list("body", flat=True)]


def row() -> OptimizationRun:
    return OptimizationRun.objects.get()


def leave_behind(name: str) -> None:
    """A run of a process that died an hour ago."""
    held = holding.Held(optimization_id=name, groups=frozenset({"everyone"}), actor=7)
    holding.begin(held, Figures(total=None, direction="minimize").payload(name))
    OptimizationRun.objects.update(lease_until=timezone.now() - timedelta(hours=1))


def closing(call: Callable[[], Any]) -> Any:
    """For a thread that ends with the call."""
    try:
        return call()
    finally:
        connections.close_all()


def soon(condition: Callable[[], bool], what: str) -> None:
    wait_for(condition, within=5, what=what)

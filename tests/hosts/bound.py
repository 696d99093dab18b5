"""How a test binds a model and reads what was told of it."""

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from django.db import models

from scheduler_realtime import ScheduleBinding, log, register
from scheduler_realtime.log import Row
from scheduler_realtime.registry import binding_for, unregister
from scheduler_realtime.testing import pump


class Bind(Protocol):
    """`bind(Operation, room="room")`: registers the model with these attributes, for the test."""

    def __call__(self, model: type[models.Model], /, **attributes: Any) -> ScheduleBinding: ...


@contextlib.contextmanager
def binder() -> Iterator[Bind]:
    with contextlib.ExitStack() as stack:

        def bind(model: type[models.Model], /, **attributes: Any) -> ScheduleBinding:
            register(model)(type("Binding", (ScheduleBinding,), attributes))
            stack.callback(unregister, model)
            binding = binding_for(model)
            assert binding is not None
            return binding

        yield bind


class Told:
    """What the log says since the last look: one transaction's rows are those between two looks."""

    def __init__(self) -> None:
        pump()
        self._position = log.state().head

    def rows(self) -> list[Row]:
        pump()
        found: list[Row] = []
        while page := log.read_after(self._position).rows:
            self._position = page[-1].position
            found += page
        return found

    def data(self) -> list[dict[str, Any]]:
        return [row.data for row in self.rows() if row.type == "schedule_update"]

    def changes(self) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        return [(each["action"], each["previous"], each["changes"]) for each in self.data()]

    def types(self) -> list[str]:
        return [row.type for row in self.rows()]

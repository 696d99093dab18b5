"""A case: one message while a binding's `may_see` is asked about its objects, for one after another."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import Error, connections

from scheduler_realtime import log, registry, subjects
from scheduler_realtime.binding import ScheduleBinding, restored
from scheduler_realtime.discretion import told_of
from scheduler_realtime.guarding import savepoint
from scheduler_realtime.log import Addressed, Row
from scheduler_realtime.subjects import Subject

from .verdicts import Sight, Sights

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Case:
    """One message while it is judged: its objects are made once, for all who ask."""

    message: Addressed
    subject: Subject = field(init=False)
    binding: ScheduleBinding | None = field(init=False)
    failures: int = 0
    error: Exception | None = None
    _made: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.subject = subjects.read(self.message.subject)
        self.binding = registry.binding_labelled(self.subject["of"])

    def sights(self, user: Any, groups: frozenset[str]) -> Sights | None:
        """What this user may know of each object; None where `may_see` raised."""
        if user is None:
            return (Sight.NOTHING,)
        try:
            return tuple(self._all_sights(user, groups))
        except Exception as error:
            if isinstance(error, Error) and not connections[log.database()].is_usable():
                raise
            self.failures, self.error = self.failures + 1, self.error or error
            return None

    def _all_sights(self, user: Any, groups: frozenset[str]) -> Iterable[Sight]:
        if (several := self.subject.get("all")) is not None:
            sees_all = all(self._may_see(user, each["now"]) for each in several)
            return [Sight.WHOLE if sees_all else Sight.NOTHING]
        each = self.subject.get("each", [self.subject])
        return [self._sight(user, groups, one, place) for place, one in enumerate(each)]

    def _sight(self, user: Any, groups: frozenset[str], subject: Subject, place: int) -> Sight:
        of_all, before = self.message.groups, subject.get("before")
        has_known = before is not None and not groups.isdisjoint(subject.get("knew", of_all))
        if not of_all.isdisjoint(groups) and self._may_see(user, subject["now"]):
            is_silent = has_known and "knew" not in subject and self._says_nothing(place)
            return Sight.NOTHING if is_silent and self._may_see(user, before) else Sight.WHOLE
        return Sight.LEFT if has_known and self._may_see(user, before) else Sight.NOTHING

    def _says_nothing(self, place: int) -> bool:
        """Whether of this object no tracked value has changed, but only who may see it."""
        if not isinstance(self.message, Row):
            return False
        data = self.message.data
        return not data.get("objects", [data])[place].get("changes", True)

    def _may_see(self, user: Any, taken: Any) -> bool:
        binding = self.binding
        if binding is None:
            raise LookupError(f"no binding of {self.subject['of']}")
        if taken is None:
            raise LookupError("the object is not there")
        if id(taken) not in self._made:
            self._made[id(taken)] = restored(binding.model, taken, log.database())
        with savepoint():
            return bool(binding.may_see(user, self._made[id(taken)]))

    def report(self) -> None:
        """Say in the log whom it could not be told for; nothing that a patient's data may be in."""
        if self.error is None:
            return
        logger.error(
            "may_see of %s failed for %d users, who are told to read afresh: %s",
            self.subject["of"],
            self.failures,
            told_of(self.error),
        )

"""Judging: what of a message a binding's `may_see` lets somebody know, asked in batches, kept a while.

It is only asked of those in the audience who hold the permission, and only about messages that
have a subject. Every other message passes by here.
"""

from __future__ import annotations

import enum
import logging
import time
import traceback
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import Error, connections, router, transaction

from . import log, registry, subjects
from .binding import ScheduleBinding, restored
from .conf import conf
from .identity import value_in
from .log import Addressed, Row
from .members import members_of
from .receipts import Listener
from .subjects import Subject
from .values import Key
from .wire import plain

logger = logging.getLogger(__name__)

FAILED: Final = "judging_failed"
"""Why somebody is to read afresh whose right to know of a message could not be told."""

CHANGED: Final = "rights_changed"
"""Why somebody is, whose rights changed while a message waited for a slow client."""

PAGE: Final = 500
"""Users read at once."""

Ask = tuple[Listener, tuple[Row, ...]]
"""Somebody, and the messages with a subject that are for them."""


class Sight(enum.Enum):
    """What somebody may know of one object of a message."""

    NOTHING = 0
    LEFT = 1
    WHOLE = 2


Sights = tuple[Sight, ...]
"""One for each object of a `bulk` message, or a single one for all that the message tells."""

SEEN: Final[Sights] = (Sight.WHOLE,)
GONE: Final[Sights] = (Sight.LEFT,)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody in these groups may know, as the user was at `known_at`, by the monotonic clock.

    `sights` is None where `may_see` raised.
    """

    groups: frozenset[str]
    sights: Sights | None
    known_at: float

    @property
    def is_nothing(self) -> bool:
        """Whether the message is none for them."""
        return self.sights is not None and all(each is Sight.NOTHING for each in self.sights)


_told: Final[dict[Key, float]] = {}
_everybody_told_at = float("-inf")


def forget(users: Collection[Key] | None) -> None:
    """These users, or everybody, may have other rights by now: what was judged of them is void."""
    global _everybody_told_at  # noqa: PLW0603 - every loop's rights are of the one database
    now = time.monotonic()
    if users is None:
        _everybody_told_at = now
        _told.clear()
        return
    for key in [key for key, at in tuple(_told.items()) if now - at > conf().REVALIDATE_INTERVAL]:
        _told.pop(key, None)
    _told.update(dict.fromkeys(users, now))


def _holds(user_id: Key, known_at: float, seconds: float) -> bool:
    """Whether what was known of a user then still counts, for so many seconds at the most."""
    told_at = max(_everybody_told_at, _told.get(user_id, float("-inf")))
    return known_at > told_at and time.monotonic() - known_at < seconds


def verdict_on(row: Row, listener: Listener) -> Verdict | None:
    """What was judged, while it counts. None: it is to be asked for."""
    user_id, groups = listener
    found: Verdict | None = row.verdicts.get(user_id)
    if found is None or found.groups != groups:
        return None
    return found if _holds(user_id, found.known_at, conf().REVALIDATE_INTERVAL) else None


def sights_of(row: Row, listener: Listener) -> Sights | None:
    """What somebody may know of the message, as it was judged; None where nobody has to judge."""
    verdict = verdict_on(row, listener) if row.subject else None
    return None if verdict is None else verdict.sights


class Jury:
    """Asks `may_see`, with the users it knows. Belongs to one thread, which blocks on the database.

    A user is read anew after half of `REVALIDATE_INTERVAL`, so that what is judged now counts
    for at least another half.
    """

    def __init__(self) -> None:
        self._people: dict[Key, tuple[Any, float]] = {}

    def judge(self, asks: Iterable[Ask]) -> dict[Ask, None]:
        """Put a verdict on each of the messages for each who asks. Raises `django.db.Error`."""
        answered = dict.fromkeys(asks)
        listeners: dict[Row, dict[Key, frozenset[str]]] = {}
        for (user_id, groups), rows in answered:
            for row in rows:
                listeners.setdefault(row, {})[user_id] = groups
        self._know({user_id for (user_id, _), _ in answered})
        for row, people in listeners.items():
            for user_id, sights in self._sights(row, people).items():
                known_at = self._people[user_id][1]
                row.verdicts[user_id] = Verdict(people[user_id], sights, known_at)
        return answered

    def sees(self, listener: Listener, message: Addressed) -> bool:
        """Whether somebody may know of the message, be it only that an object left."""
        user_id, groups = listener
        if not (message.is_for(groups) and message.subject):
            return message.is_for(groups)
        self._know([user_id])
        sights = self._sights(message, {user_id: groups})[user_id]
        return sights is not None and any(each is not Sight.NOTHING for each in sights)

    def seeing(self, message: Addressed, users: Collection[Key]) -> frozenset[Key]:
        """Those of these users, all of them in the audience, who may know of it whole."""
        found: set[Key] = set()
        listed = list(users)
        for start in range(0, len(listed), PAGE):
            page = listed[start : start + PAGE]
            self._know(page)
            everything = dict.fromkeys(page, message.groups)
            for user_id, sights in self._sights(message, everything).items():
                if sights is not None and Sight.WHOLE in sights:
                    found.add(user_id)
        return frozenset(found)

    def _sights(
        self, message: Addressed, people: Mapping[Key, frozenset[str]]
    ) -> dict[Key, Sights | None]:
        case = _Case(message)
        found = {
            user_id: case.sights(self._people[user_id][0], groups)
            for user_id, groups in people.items()
        }
        case.report()
        return found

    def _know(self, keys: Iterable[Key]) -> None:
        """Read those users that are not known, or were read too long ago, in one query."""
        half = conf().REVALIDATE_INTERVAL / 2
        now = time.monotonic()
        if len(self._people) > PAGE:
            stale = [key for key, (_, at) in self._people.items() if not _holds(key, at, half)]
            for key in stale:
                del self._people[key]
        unknown = [
            key
            for key in keys
            if key not in self._people or not _holds(key, self._people[key][1], half)
        ]
        if unknown:
            users = _users(unknown)
            self._people |= {key: (users.get(key), now) for key in unknown}


def _users(keys: Iterable[Key]) -> dict[Key, Any]:
    model: Any = get_user_model()
    values = [value_in(model._meta.pk, key) for key in keys]
    # The write alias: a replica may not know yet what was taken from somebody.
    rows = model._default_manager.using(router.db_for_write(model))
    return {
        plain(user.pk): user for user in rows.filter(pk__in=[v for v in values if v is not None])
    }


@dataclass(slots=True)
class _Case:
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
        return [self._sight(user, groups, one) for one in each]

    def _sight(self, user: Any, groups: frozenset[str], subject: Subject) -> Sight:
        message, before = self.message, subject.get("before")
        is_addressed = not message.groups.isdisjoint(groups)
        has_known = before is not None and not groups.isdisjoint(
            subject.get("knew", message.groups)
        )
        if is_addressed and self._may_see(user, subject["now"]):
            is_silent = has_known and self._says_nothing(subject)
            return Sight.NOTHING if is_silent and self._may_see(user, before) else Sight.WHOLE
        return Sight.LEFT if has_known and self._may_see(user, before) else Sight.NOTHING

    def _says_nothing(self, subject: Subject) -> bool:
        """Whether it is only there for those who may see more of the object now, or nothing."""
        message = self.message
        return (
            isinstance(message, Row)
            and "knew" not in subject
            and not message.data.get("changes", True)
        )

    def _may_see(self, user: Any, taken: Any) -> bool:
        binding = self.binding
        if binding is None:
            raise LookupError(f"no binding of {self.subject['of']}")
        if taken is None:
            raise LookupError("the object is not there")
        if id(taken) not in self._made:
            self._made[id(taken)] = restored(binding.model, taken, log.database())
        with _undone():
            return bool(binding.may_see(user, self._made[id(taken)]))

    def report(self) -> None:
        """Say in the log whom it could not be told for; nothing that a patient's data may be in."""
        if self.error is None:
            return
        logger.error(
            "may_see of %s failed for %d users, with %s; they are told to read afresh.\n%s",
            self.subject["of"],
            self.failures,
            type(self.error).__qualname__,
            "".join(traceback.format_tb(self.error.__traceback__)),
        )


def _undone() -> AbstractContextManager[object]:
    """Inside a transaction of somebody else, a statement that fails must not spoil the rest of it."""
    alias = log.database()
    return transaction.atomic(using=alias) if connections[alias].in_atomic_block else nullcontext()


def audience_of(message: Addressed) -> frozenset[Any]:
    """The primary keys of the active users who may know of a message now, connected or not.

    A few queries, and where the message has a subject its `may_see` for each of them.
    """
    found = members_of(message.groups, needs=message.needs)
    if not message.subject:
        return found
    keys = {plain(key): key for key in found}
    return frozenset(keys[key] for key in Jury().seeing(message, keys.keys()))

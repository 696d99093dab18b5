"""The jury: asks `may_see` for many users and messages at once, with the users it knows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import router

from scheduler_realtime.conf import conf
from scheduler_realtime.identity import value_in
from scheduler_realtime.log import Addressed, Row
from scheduler_realtime.members import members_of
from scheduler_realtime.paging import pages
from scheduler_realtime.receipts import Listener
from scheduler_realtime.values import Key
from scheduler_realtime.wire import plain

from .cases import Case
from .verdicts import Sight, Sights, Verdict, still_holds

PAGE: Final = 500
"""Users read at once."""

TOGETHER: Final = 50
"""Users who are judged before it is looked at the clock, each about as many messages as asked."""

BUDGET: Final = 1.0
"""Seconds of judging until those who are through are told: a `may_see` may be slow."""

VERDICTS: Final = 500_000
"""Verdicts kept at the most, some 40 MB: a thousand users, and what they were told in ten seconds."""

Ask = tuple[Listener, tuple[Row, ...]]
"""Somebody, and the messages with a subject that are for them."""


class Jury:
    """Asks `may_see`, with the users it knows. Belongs to one thread, which blocks on the database.

    A user is read anew after half of `REVALIDATE_INTERVAL`, so that what is judged now counts
    for at least another half.
    """

    def __init__(self) -> None:
        self._people: dict[Key, tuple[Any, float]] = {}
        self._judged: deque[tuple[Row, float]] = deque()
        self._kept = 0

    def judge(self, asks: Collection[Ask]) -> dict[Ask, None]:
        """Put a verdict on each of the messages for each who asks. Raises `django.db.Error`.

        Returns the asks that were answered: after `BUDGET` seconds the others have to come again,
        so that what was found about the first is not out of date before they hear of it.
        """
        answered: dict[Ask, None] = {}
        listed, until = list(asks), time.monotonic() + BUDGET
        self._forget_old()
        self._know({user_id for (user_id, _), _ in listed})
        for page in pages(listed, TOGETHER):
            self._judge(page)
            answered |= dict.fromkeys(page)
            if time.monotonic() > until:
                break
        return answered

    def _judge(self, asks: Iterable[Ask]) -> None:
        listeners: dict[Row, set[Listener]] = {}
        for listener, rows in asks:
            for row in rows:
                listeners.setdefault(row, set()).add(listener)
        for row, people in listeners.items():
            verdicts: dict[tuple[Sights | None, float], Verdict] = {}
            for listener, sights in self._sights(row, people).items():
                found = (sights, self._people[listener[0]][1])
                row.verdicts[listener] = verdicts.setdefault(found, Verdict(*found))
            self._judged.append((row, time.monotonic()))
            self._kept += len(people)

    def _forget_old(self) -> None:
        """Let go of verdicts that count no more, and of the oldest where there are too many."""
        before = time.monotonic() - conf().REVALIDATE_INTERVAL
        while self._judged and (self._judged[0][1] < before or self._kept > VERDICTS):
            row, _ = self._judged.popleft()
            self._kept -= len(row.verdicts)
            row.verdicts.clear()
        self._kept = self._kept if self._judged else 0

    def sees(self, listener: Listener, message: Addressed) -> bool:
        """Whether somebody may know of the message, be it only that an object left."""
        user_id, groups = listener
        if not (message.is_for(groups) and message.subject):
            return message.is_for(groups)
        self._know([user_id])
        sights = self._sights(message, [listener])[listener]
        return sights is not None and any(each is not Sight.NOTHING for each in sights)

    def seeing(self, message: Addressed, users: Collection[Key]) -> frozenset[Key]:
        """Those of these users, all of them in the audience, who may know of it whole."""
        found: set[Key] = set()
        for page in pages(users, PAGE):
            self._know(page)
            asked = [(key, message.groups) for key in page]
            for (user_id, _), sights in self._sights(message, asked).items():
                if sights is not None and Sight.WHOLE in sights:
                    found.add(user_id)
        return frozenset(found)

    def _sights(
        self, message: Addressed, people: Iterable[Listener]
    ) -> dict[Listener, Sights | None]:
        case = Case(message)
        found = {each: case.sights(self._people[each[0]][0], each[1]) for each in people}
        case.report()
        return found

    def _know(self, keys: Iterable[Key]) -> None:
        """Read those users that are not known, or were read too long ago, in one query."""
        half = conf().REVALIDATE_INTERVAL / 2
        now = time.monotonic()
        if len(self._people) > PAGE:
            stale = [key for key, (_, at) in self._people.items() if not still_holds(key, at, half)]
            for key in stale:
                del self._people[key]
        unknown = [
            key
            for key in keys
            if key not in self._people or not still_holds(key, self._people[key][1], half)
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


def audience_of(message: Addressed) -> frozenset[Any]:
    """The primary keys of the active users who may know of a message now, connected or not.

    A few queries, and where the message has a subject its `may_see` for each of them.
    """
    found = members_of(message.groups, needs=message.needs)
    if not message.subject:
        return found
    keys = {plain(key): key for key in found}
    return frozenset(keys[key] for key in Jury().seeing(message, keys.keys()))

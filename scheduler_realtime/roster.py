"""The roster: what this process's sockets have been told of who is here, and what is to be told."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from django.utils import timezone

from . import presence
from .backlog import Item
from .connection import Connection
from .groups import Groups
from .messages import UserPresence, envelope
from .pacing import SENDS_PER_STEP
from .presence import Person
from .values import Key
from .wire import dumps_clean, plain

logger = logging.getLogger(__name__)

SENDS_PER_TELLING: Final = 8
"""As much work it is to find out who is to hear of a user, be it nobody."""

ENDED: Final = 10_000
"""Visits known to have ended: what the layer brings late of them is no news."""

Action = Literal["join", "leave", "update"]


class Attendance(Protocol):
    """What the roster asks about this process's own sockets."""

    def holds(self, user_id: Key) -> bool: ...


class House(Protocol):
    """What the roster needs of its hub."""

    groups: Groups

    @property
    def attendance(self) -> Attendance: ...


@dataclass(slots=True, eq=False)
class _Told:
    """Somebody as the sockets know them, and the groups of those who do."""

    shown: Mapping[str, Any]
    groups: frozenset[str]
    _text: str = ""

    @property
    def text(self) -> str:
        """As JSON, encoded once: after a restart everybody asks."""
        self._text = self._text or dumps_clean(plain(self.shown))
        return self._text


class Roster:
    """What is known of who is here, and what of it was told. Belongs to one event loop.

    Two sources say who is here: what nodes tell each other, which may come late, twice or never,
    and a look at the database, which is right but for what was said since it began. Whatever they
    say goes through `known`; a socket hears of the difference to what it was told, and so of each
    user in turn that they join and that they leave.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._known: dict[Key, Person] = {}
        self._told: dict[Key, _Told] = {}
        self._untold: dict[Key, None] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._since: set[Key] = set()
        self._is_seeded = False
        self._early: dict[Connection, Collection[Key]] = {}
        self._something = asyncio.Event()
        self._handed_over = 0

    # What is known.

    def arrive(self, person: Person) -> None:
        """A socket of theirs was opened here: if they were not here before, they are now."""
        if person.user_id not in self._known:
            self._enter(person)

    def hear(self, message: Mapping[str, Any]) -> None:
        """Another node, or this one, tells who is here now, and whose visits have ended."""
        try:
            here = [Person.read(each) for each in message["here"]]
            gone = [(user, visit) for user, visit in message["gone"]]
            for person in here:
                self._enter(person)
            for user, visit in gone:
                self._end(user, visit)
        except (TypeError, KeyError, ValueError) as error:
            logger.warning("What the channel layer says of presence means nothing: %r.", error)

    def look(self) -> None:
        """A look at the database begins: what is said from now on, it may not know."""
        self._since.clear()

    def see(self, people: Mapping[Key, Person]) -> None:
        """What the look has found: everybody who is here. Who has a socket here is, besides."""
        if not self._is_seeded:
            self._told = {user: _told(person) for user, person in people.items()}
            self._is_seeded = True
            self._something.set()
        for user, person in people.items():
            if user not in self._since and self._known.get(user) is not person:
                self._ended.pop(person.visit, None)
                if self._known.get(user) != person:
                    self._know(user, person)
                self._known[user] = person  # the same object, which the next look finds again
        for user in self._known.keys() - people.keys():
            if user not in self._since:
                self._end(user, self._known[user].visit)

    def _enter(self, person: Person) -> None:
        before = self._known.get(person.user_id)
        if person.visit in self._ended or before == person:
            return
        if before is not None and before.visit != person.visit:
            self._remember(before.visit)
        self._since.add(person.user_id)
        self._know(person.user_id, person)

    def _end(self, user: Key, visit: str) -> None:
        known = self._known.get(user)
        if known is None or known.visit != visit:
            self._remember(visit)
        elif not self._house.attendance.holds(user):
            self._remember(visit)
            self._since.add(user)
            self._know(user, None)

    def _know(self, user: Key, person: Person | None) -> None:
        if person is None:
            self._known.pop(user, None)
        else:
            self._known[user] = person
        self._untold[user] = None
        self._something.set()

    def _remember(self, visit: str) -> None:
        self._ended[visit] = None
        if len(self._ended) > ENDED:
            self._ended.popitem(last=False)

    # What is told.

    def state_for(self, connection: Connection) -> str:
        """Who is here, as far as this socket's user may see, as all it was told adds up to: JSON.

        Before the database was looked at this is who is known so far, and the rest is told then.
        """
        groups = connection.identity.groups
        told = self._told
        if not self._is_seeded:
            told = {user: _told(person) for user, person in self._known.items()}
            self._early[connection] = told.keys()
        seen = [each.text for each in told.values() if not each.groups.isdisjoint(groups)]
        return f'{{"users":[{",".join(seen)}]}}'

    async def run(self) -> None:
        """Tell what is to be told, for ever, in steps between which the loop goes round."""
        while True:
            await self._something.wait()
            self._something.clear()
            if not self._is_seeded:
                continue
            await self._tell_early()
            while self._untold:
                user = next(iter(self._untold))
                del self._untold[user]
                try:
                    await self._tell(user)
                except Exception:
                    logger.exception("What user %r does could not be told.", user)

    async def _tell_early(self) -> None:
        early, self._early = self._early, {}
        for connection, answered in early.items():
            for user, told in tuple(self._told.items()):
                seen = not told.groups.isdisjoint(connection.identity.groups)
                if seen and user not in answered:
                    await self._say("join", told, [connection])

    async def _tell(self, user: Key) -> None:
        """Tell the difference: to those who may see the user now, who could, or both."""
        before, person = self._told.pop(user, None), self._known.get(user)
        now = None if person is None else _told(person)
        if now is not None:
            self._told[user] = now
        await self._step(SENDS_PER_TELLING)
        if before is not None and now is not None and not _is_news(before, now):
            return
        could, can = self._members(before), self._members(now)
        if before is not None:
            await self._say("leave", before, could - can)
        if now is not None:
            await self._say("join", now, can - could)
            if before is not None and before.shown != now.shown:
                await self._say("update", now, can & could)

    def _members(self, told: _Told | None) -> set[Connection]:
        return set() if told is None else self._house.groups.members(told.groups)

    async def _say(self, action: Action, told: _Told, to: Iterable[Connection]) -> None:
        item = None
        for connection in to:
            item = item or _item(action, told)
            if connection.wants(UserPresence.type, told.groups):
                connection.carry(item)
            await self._step(1)

    async def _step(self, sends: int) -> None:
        self._handed_over += sends
        if self._handed_over >= SENDS_PER_STEP:
            self._handed_over = 0
            await asyncio.sleep(0)


def _told(person: Person) -> _Told:
    groups = presence.hearers(person.user_id, person.roles)
    return _Told(person.shown, groups)


def _is_news(before: _Told, now: _Told) -> bool:
    """Whether peers care. A user who is shown by another socket alone has not done anything."""
    return before.groups != now.groups or {**before.shown, "connection_id": None} != {
        **now.shown,
        "connection_id": None,
    }


def _item(action: Action, told: _Told) -> Item:
    data = {**told.shown, "action": action}
    text = dumps_clean(envelope(UserPresence.type, plain(data), timestamp=timezone.now()))
    return Item(text=lambda: text, size=len(text), is_ephemeral=True, kind=UserPresence.type)

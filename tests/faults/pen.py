"""A writer's pen: it makes tokens, picks rows, and journals each transaction with its moments."""

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connections

from tests.faults.host.models import Case

HOT: Final = 12
"""Rows that all writers of both processes go for: every third choice is one of them."""

MEANWHILE: Final = 10.0
"""Seconds one transaction waits for another that was begun in its middle."""

POOL: Final = 300
"""Rows a process knows of at the most."""


class TakenBack(Exception):
    """Raised by an operation to roll back what it did."""


class Pool:
    """The rows that the writers of one process choose from. For any thread."""

    def __init__(self) -> None:
        self._pks: list[int] = []
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Know the oldest rows there are."""
        found = list(Case.objects.order_by("pk").values_list("pk", flat=True)[: POOL // 2])
        with self._lock:
            self._pks = found

    def some(self, count: int, dice: random.Random) -> list[int]:
        """So many different rows, or fewer, in the order of their keys."""
        if count == 1 and dice.random() < 0.3:
            return self.hot(1, dice)
        with self._lock:
            return sorted(dice.sample(self._pks, min(count, len(self._pks))))

    def hot(self, count: int, dice: random.Random) -> list[int]:
        """So many of the rows that everybody goes for."""
        with self._lock:
            return sorted(dice.sample(self._pks[:HOT], count))

    def add(self, pks: Sequence[int]) -> None:
        with self._lock:
            self._pks += pks[: POOL - len(self._pks)]

    def discard(self, pks: Sequence[int]) -> None:
        with self._lock:
            gone = set(pks)
            self._pks = [pk for pk in self._pks if pk not in gone]


@dataclass(kw_only=True)
class Deed:
    """One transaction, as its writer knows it. Moments are on the monotonic clock.

    `returned` is None where it was rolled back or failed; `seconds` is how long a plain save took.
    """

    name: str
    began: float
    tokens: list[str] = field(default_factory=list)
    deletes: list[int] = field(default_factory=list)
    returned: float | None = None
    over: float = 0.0
    seconds: float | None = None
    error: str | None = None


class Pen:
    """One writer's. For one thread."""

    _serials = itertools.count(1)

    def __init__(self, name: str, pool: Pool, audiences: Sequence[str], seed: object) -> None:
        self.name = name
        self.pool = pool
        self.dice = random.Random(f"{name} {seed}")  # noqa: S311 - load, not a secret
        self.deeds: list[Deed] = []
        self._audiences = audiences
        self._deed: Deed | None = None

    def token(self) -> str:
        """A new one, written down as the present transaction's."""
        token = f"{self.name}-{next(self._serials)}"
        if self._deed is not None:
            self._deed.tokens.append(token)
        return token

    def audience(self) -> str:
        return self.dice.choice(self._audiences)

    def case(self, audience: str | None = None) -> Case:
        """A new one, not saved yet."""
        return Case(audience=audience or self.audience(), token=self.token())

    def one(self) -> Case:
        """A row that exists, or did a moment ago."""
        pk = self.pool.some(1, self.dice)[0]
        return Case.objects.get(pk=pk)

    def pair(self) -> list[Case]:
        """Two of the rows that everybody goes for, in the order in which all lock them."""
        found = Case.objects.filter(pk__in=self.pool.hot(2, self.dice)).order_by("pk")
        cases = list(found)
        if len(cases) < 2:
            raise Case.DoesNotExist
        return cases

    def meanwhile(self, pk: int) -> None:
        """Have a second hand change a row and commit, while this one's transaction is open."""
        thread = threading.Thread(target=self._second_hand, args=[pk])
        thread.start()
        thread.join(MEANWHILE)

    def _second_hand(self, pk: int) -> None:
        second = Pen(f"{self.name}+", self.pool, self._audiences, 0)
        with second.deed("meanwhile"):
            second.change(Case.objects.get(pk=pk))
        connections.close_all()
        self.deeds += second.deeds

    def deletes(self, pks: Sequence[int]) -> None:
        """Write down which rows the present transaction deletes."""
        self.pool.discard(pks)
        if self._deed is not None:
            self._deed.deletes += pks

    def change(self, case: Case) -> None:
        """Give a row a new token and save it, and note how long that took."""
        case.token = self.token()
        begun = time.monotonic()
        case.save()
        if self._deed is not None:
            self._deed.seconds = time.monotonic() - begun

    @contextlib.contextmanager
    def deed(self, name: str) -> Iterator[Deed]:
        """Journal one transaction. Whatever it raises is written down, and no more."""
        self._deed = deed = Deed(name=name, began=time.monotonic())
        try:
            yield deed
            deed.returned = time.monotonic()
        except TakenBack:
            pass
        except Case.DoesNotExist:
            self.pool.refresh()
        except Exception as error:  # noqa: BLE001 - a writer goes on, whatever happens
            deed.error = f"{type(error).__name__}: {error}"
            connections.close_all()
        finally:
            deed.over = time.monotonic()
            self.deeds.append(deed)
            self._deed = None

    def taken(self) -> list[dict[str, Any]]:
        """The journal since the last call."""
        deeds, self.deeds = self.deeds, []
        return [vars(deed) for deed in deeds]

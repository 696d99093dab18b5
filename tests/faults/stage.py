"""One fault from the first write to the verdict."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.faults import gathering, ledger
from tests.faults.gathering import Deeds
from tests.faults.judging.evidence import VOID, Commit, Evidence, Key, Telling
from tests.faults.judging.judge import judge
from tests.faults.judging.verdict import Verdict
from tests.faults.ledger import Entry
from tests.faults.people import Person
from tests.faults.place import Place

AFTER_RESTORE: Final = 10**12
"""Added to the order of what came after a restore, whose ids begin again below those before."""

Scenario = Callable[["Stage"], None]


@dataclass(kw_only=True)
class History:
    """What the stages before have left: how far the ledger was read, and what it held."""

    entry: int = 0
    earlier: set[Key] = field(default_factory=set)


@dataclass(kw_only=True)
class Outcome:
    """A stage's verdict with what the writers went through. `notes` are the scenario's figures."""

    name: str
    verdict: Verdict
    evidence: Evidence
    deeds: Deeds
    notes: dict[str, Any]
    gauges: dict[str, list[float]]
    seconds: float
    may_fail: bool

    @property
    def saves(self) -> list[float]:
        """How long each plain save took."""
        return [deed["seconds"] for deed in self.deeds if deed["seconds"] is not None]

    @property
    def errors(self) -> list[str]:
        return [deed["error"] for deed in self.deeds if deed["error"] is not None]

    @property
    def is_failure(self) -> bool:
        """Guilty, or a write failed where none may."""
        return self.verdict.is_guilty or bool(self.errors and not self.may_fail)


class Stage:
    """A scenario's hand on the site: it acts while the writers write.

    What a scenario may set: `may_fail` where writes may, `may_excuse` and `must_resync` where
    clients have to read afresh, `void` for what it takes back, `listeners` for who is judged
    beside the usual clients, `gauges` for saves it has measured.
    """

    def __init__(self, place: Place, name: str, history: History) -> None:
        self.place, self.name = place, name
        self.history = history
        self.form, self.dice = place.form, place.dice
        self.may_excuse = self.may_fail = False
        self.gauges: dict[str, list[float]] = {}
        self.deeds: Deeds = []
        self.must_resync: dict[str, frozenset[str]] = {}
        self.void: dict[Key, Telling] = {}
        self._kept: frozenset[Key] | None = None
        self._restored_at = math.inf
        self.listeners: list[Person] = list(place.people)
        self.notes: dict[str, Any] = {}

    def run(self, scenario: Scenario) -> Outcome:
        """Write, let it happen, heal, wait until everybody has caught up, and judge."""
        begun = time.monotonic()
        self.place.scatter()
        missing = self.place.missing(self.listeners, "", within=self.form.settle)
        assert not missing, f"did not come back before {self.name}: {missing}"
        self.start_writing()
        try:
            scenario(self)
        finally:
            self.stop_writing()
            self.place.heal()
        self._settle()
        evidence, deeds = self._evidence()
        return Outcome(
            name=self.name,
            verdict=judge(evidence),
            evidence=evidence,
            deeds=deeds,
            notes=self.notes,
            gauges=self.gauges,
            may_fail=self.may_fail,
            seconds=time.monotonic() - begun,
        )

    def start_writing(self) -> None:
        rate, mix = self.form.rate / len(self.place.scribes), self.place.teller.mix
        for scribes in self.place.scribes:
            scribes.ask("start", rate=rate, mix=mix)

    def stop_writing(self) -> None:
        stuck = self.place.together(
            [lambda each=each: each.ask("halt") for each in self.place.scribes]  # type: ignore[misc]
        )
        assert not any(stuck), f"transactions that do not end: {stuck}"

    def _settle(self) -> None:
        """A last change for everyone: who was handed it has everything, since there is one order."""
        token = self.place.scribes[0].ask("sentinel")
        begun = time.monotonic()
        missing = self.place.missing(self.listeners, token, within=self.form.settle)
        self.notes["settled"] = f"{time.monotonic() - begun:.1f} s"
        if missing:
            self.notes["never caught up"] = " ".join(missing)

    def _evidence(self) -> tuple[Evidence, Deeds]:
        place = self.place
        tellings = {each.key: each for each in self._tellings()}
        deeds = [*self.deeds, *gathering.journals(place.scribes, place.folder)]
        noted = gathering.notes(place.crowds, place.folder)
        self.notes["sent again"] = sum(each["ignored"] for each in noted.values())
        evidence = Evidence(
            tellings=tellings,
            commits=self._commits(deeds, tellings),
            clients=gathering.clients(noted, self.listeners),
            heartbeat=self.form.heartbeat,
            epoch=place.epoch(),
            void=self.void,
            earlier=frozenset(self.history.earlier - tellings.keys()),
            foreign=gathering.foreign(place.url),
            may_excuse=self.may_excuse,
            must_resync=self.must_resync,
        )
        self.history.earlier |= tellings.keys() | self.void.keys()
        return evidence, deeds

    def _commits(self, deeds: Deeds, tellings: Mapping[Key, Telling]) -> dict[Key, Commit]:
        """When each was committed: what was deleted before a restore may be deleted again."""
        until = [deed for deed in deeds if deed["began"] < self._restored_at]
        since = [deed for deed in deeds if deed["began"] >= self._restored_at]
        early = {key: told for key, told in tellings.items() if told.order < AFTER_RESTORE}
        late = {key: told for key, told in tellings.items() if key not in early}
        return {
            **gathering.commits(until, {**self.void, **early}),
            **gathering.commits(since, late),
        }

    def restored(self, before: list[Entry], after: list[Entry]) -> None:
        """Note what a restore took back. Ids go on from where they were, a second time."""
        kept = {each.key: each for each in ledger.tellings(after)}
        known = {each.key: each for each in ledger.tellings(before)}
        self._kept, self._restored_at = frozenset(kept), time.monotonic()
        self.void = {key: each for key, each in known.items() if key not in kept}
        self.may_excuse = self.may_fail = True

    def _tellings(self) -> list[Telling]:
        entries = ledger.read(self.place.url, after=self.history.entry)
        self.history.entry = max((entry.id for entry in entries), default=self.history.entry)
        found = ledger.tellings(entries)
        if self._kept is None:
            return found
        for key in self.void.keys() & {each.key for each in found}:
            again = self.void.pop(key)
            again = replace(again, token=again.token + VOID)
            self.void[again.key] = again
        return [
            each if each.key in self._kept else replace(each, order=each.order + AFTER_RESTORE)
            for each in found
        ]

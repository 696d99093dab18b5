"""One fault from the first write to the verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults import gathering, ledger
from tests.faults.gathering import Deeds
from tests.faults.judging.evidence import Evidence, Key, Telling
from tests.faults.judging.judge import judge
from tests.faults.judging.verdict import Verdict
from tests.faults.people import Person
from tests.faults.place import Place

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
    seconds: float

    @property
    def saves(self) -> list[float]:
        """How long each plain save took."""
        return [deed["seconds"] for deed in self.deeds if deed["seconds"] is not None]

    @property
    def errors(self) -> list[str]:
        return [deed["error"] for deed in self.deeds if deed["error"] is not None]


class Stage:
    """A scenario's hand on the site: it acts while the writers write.

    What a scenario may set: `may_excuse` and `must_resync` where clients have to read afresh,
    `void` for what it takes back, `listeners` for who is judged beside the usual clients.
    """

    def __init__(self, place: Place, name: str, history: History) -> None:
        self.place, self.name = place, name
        self.history = history
        self.form, self.dice = place.form, place.dice
        self.may_excuse = False
        self.must_resync: dict[str, frozenset[str]] = {}
        self.void: dict[Key, Telling] = {}
        self.newer = 0
        self.listeners: list[Person] = list(place.people)
        self.notes: dict[str, Any] = {}

    def run(self, scenario: Scenario) -> Outcome:
        """Write, let it happen, heal, wait until everybody has caught up, and judge."""
        begun = time.monotonic()
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
        deeds = gathering.journals(place.scribes, place.folder)
        evidence = Evidence(
            tellings=tellings,
            commits=gathering.commits(deeds, {**self.void, **tellings}),
            clients=gathering.clients(place.crowds, place.folder, self.listeners),
            heartbeat=self.form.heartbeat,
            void=self.void,
            earlier=frozenset(self.history.earlier),
            foreign=gathering.foreign(place.url),
            may_excuse=self.may_excuse,
            must_resync=self.must_resync,
        )
        self.history.earlier |= tellings.keys() | self.void.keys()
        return evidence, deeds

    def _tellings(self) -> list[Telling]:
        entries = ledger.read(self.place.url, after=self.history.entry)
        self.history.entry = max((entry.id for entry in entries), default=self.history.entry)
        return ledger.tellings(entries)

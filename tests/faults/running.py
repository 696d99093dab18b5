"""Runs seeds: one site each, on which the faults happen one after another."""

import random
import time
from collections.abc import Mapping, Sequence
from typing import Final

from tests.faults import printing
from tests.faults.form import LONG, SHORT, Form
from tests.faults.place import Golden, Place, make_golden
from tests.faults.scenarios import (
    absence,
    database,
    layer,
    lines,
    load,
    mixed,
    nodes,
    relays,
    servers,
)
from tests.faults.stage import History, Outcome, Scenario, Stage

FORMS: Final = {"long": LONG, "short": SHORT}

FAULTS: Final[Mapping[str, Scenario]] = {
    "nothing": lines.nothing,
    "cut": lines.cut,
    "kill": servers.killed,
    "rolling": servers.rolling,
    "redis-killed": layer.redis_killed,
    "redis-frozen": layer.redis_frozen,
    "relay": relays.relays,
    "postgres": database.postgres_restarted,
    "cut-off": nodes.cut_off,
    "burst": load.burst,
    "reversed": load.reversed_commits,
    "away": absence.away,
    "restored": database.restored,
    "clock": nodes.clock,
    "mixed": mixed.mixed,
}


def run(seeds: Sequence[int], faults: Sequence[str] | None, form: str) -> int:
    """Run, print, and return the exit code: 1 where the judge found anything."""
    golden = make_golden()
    outcomes: list[Outcome] = []
    for seed in seeds:
        outcomes += run_seed(FORMS[form], golden, seed, faults)
    return 1 if any(outcome.verdict.is_guilty for outcome in outcomes) else 0


def run_seed(form: Form, golden: Golden, seed: int, faults: Sequence[str] | None) -> list[Outcome]:
    """All the faults on one site, in an order of the seed's own, or those named, as named."""
    names = list(faults or _shuffled(seed))
    begun = time.monotonic()
    history = History()
    outcomes = []
    with Place(form, golden, seed=seed) as place:
        print(f"seed {seed}  open after {time.monotonic() - begun:.1f} s", flush=True)  # noqa: T201
        if "away" in names:
            place.send_away()
        for name in names:
            outcome = Stage(place, name, history).run(FAULTS[name])
            print(printing.line(seed, outcome), flush=True)  # noqa: T201
            for text in printing.evidence(outcome):
                print(text, flush=True)  # noqa: T201
            outcomes.append(outcome)
    return outcomes


def _shuffled(seed: int) -> list[str]:
    """Every fault. Those away come back late, and before the log they knew is replaced."""
    dice = random.Random(seed)  # noqa: S311 - an order is no secret
    names = [name for name in FAULTS if name not in {"away", "restored"}]
    dice.shuffle(names)
    back, again = sorted(dice.sample(range(len(names) // 2, len(names) + 1), 2))
    names.insert(again, "restored")
    names.insert(back, "away")
    return names

"""Runs seeds: one site each, on which the faults happen one after another."""

import os
import random
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.faults import printing, proving
from tests.faults.form import LONG, SHORT, Form
from tests.faults.node import FAKETIME
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
from tests.faults.totals import Totals

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
    "restored-unseen": database.restored_unseen,
    "clock": nodes.clock,
    "mixed": mixed.mixed,
}


def lacking(fault: str) -> str | None:
    """What this machine lacks for a fault, and how to get it."""
    if fault == "clock" and FAKETIME is None:
        return "no libfaketime.so.1 below /usr/lib: apt-get install libfaketime"
    return None


def run(seeds: Sequence[int], faults: Sequence[str] | None, form: str) -> int:
    """Run, print, and return the exit code: 1 where anything went wrong.

    Without `faults` all of them, and the controls. Where CI is set, a fault that had to be
    skipped is something that went wrong.
    """
    golden = make_golden()
    skipped = [why for name in faults or FAULTS if (why := lacking(name)) is not None]
    for why in skipped:
        _say(f"skipped: {why}")
    is_proven = faults is not None or _prove(FORMS[form], golden, seeds[0])
    totals = Totals()
    broken = [seed for seed in seeds if not _judge_seed(FORMS[form], golden, seed, faults, totals)]
    for text in totals.lines():
        _say(text)
    is_short = bool(skipped and os.environ.get("CI"))
    return 1 if totals.is_failure or broken or is_short or not is_proven else 0


def _judge_seed(
    form: Form, golden: Golden, seed: int, faults: Sequence[str] | None, totals: Totals
) -> bool:
    """Print and count one seed. False where the site itself came to grief: the next goes on."""
    try:
        for outcome in run_seed(form, golden, seed, faults):
            _say(printing.line(seed, outcome))
            for text in printing.evidence(outcome):
                _say(text)
            totals.add(outcome)
    except AssertionError:
        _say(f"seed {seed}  BROKEN:\n{traceback.format_exc()}")
        return False
    return True


def _prove(form: Form, golden: Golden, seed: int) -> bool:
    """Whether the judge finds every control guilty."""
    is_proven = True
    for name in proving.controls(form):
        outcome = proving.run_control(name, form, golden, seed=seed)
        is_found_out = proving.is_found_out(outcome)
        is_proven &= is_found_out
        _say(f"control, {'found out' if is_found_out else 'NOT FOUND OUT'}: ", end="")
        _say(printing.line(seed, outcome))
    return is_proven


def _say(text: str, *, end: str = "\n") -> None:
    print(text, end=end, flush=True)  # noqa: T201 - what the suite is for


def run_seed(
    form: Form, golden: Golden, seed: int, faults: Sequence[str] | None
) -> Iterator[Outcome]:
    """All the faults on one site, in an order of the seed's own, or those named, as named."""
    names = list(faults or _shuffled(seed))
    history = History()
    with Place(form, golden, seed=seed) as place:
        if "away" in names:
            place.send_away()
        for name in names:
            if lacking(name) is None:
                yield Stage(place, name, history).run(FAULTS[name])


def _shuffled(seed: int) -> list[str]:
    """Every fault. Those away come back late, and before the log they knew is replaced."""
    dice = random.Random(seed)  # noqa: S311 - an order is no secret
    restores = ["restored", "restored-unseen"]
    names = [name for name in FAULTS if name not in {"away", *restores}]
    dice.shuffle(names)
    dice.shuffle(restores)
    back, *again = sorted(dice.sample(range(len(names) // 2, len(names) + 1), 3))
    for place, name in zip(reversed(again), restores, strict=True):
        names.insert(place, name)
    names.insert(back, "away")
    return names

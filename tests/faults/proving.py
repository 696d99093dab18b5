"""Proves the judge: two ways to tell of changes that lose some are found guilty by it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from tests.faults.form import Form
from tests.faults.place import Golden, Place, Teller
from tests.faults.scenarios import lines, load
from tests.faults.stage import History, Outcome, Scenario, Stage

SETTLE: Final = 5.0
"""Seconds: what a control has lost will not come, however long one waits."""


def controls(form: Form) -> Mapping[str, Scenario]:
    """Each control with the fault that it does not outlive."""
    return {
        "group_send": partial(lines.cut_for, seconds=form.period),
        "polling": load.reversed_commits,
    }


def run_control(name: str, form: Form, golden: Golden, *, seed: int) -> Outcome:
    """A site of the same clients and the same load, told of changes by a control."""
    teller = Teller(
        application=f"tests.faults.controls.asgi:{name}",
        told_by=f"tests.faults.controls.{name}.connect",
        mix="saves",
    )
    with Place(replace(form, settle=SETTLE), golden, seed=seed, teller=teller) as place:
        return Stage(place, name, History()).run(controls(form)[name])


def is_found_out(outcome: Outcome) -> bool:
    """Whether the judge saw that it told much, and lost some."""
    return outcome.verdict.handed > 100 and outcome.verdict.count("lost") > 0

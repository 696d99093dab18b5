"""The fault suite in short: each fault for some seconds on a small site, and two controls that lose."""

import os
from collections.abc import Iterator

import pytest

from tests.faults import printing, proving, running
from tests.faults.form import SHORT
from tests.faults.place import Golden, Place, make_golden
from tests.faults.stage import History, Outcome, Stage

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LAST = ["away", "restored", "mixed"]
"""Those away come back late, and before the log they knew is replaced."""

LONG_ONLY = {"nothing", "restored-unseen"}

ORDER = [*(name for name in running.FAULTS if name not in {*LAST, *LONG_ONLY}), *LAST]


@pytest.fixture(scope="module")
def golden() -> Golden:
    return make_golden()


@pytest.fixture(scope="module")
def history() -> History:
    return History()


@pytest.fixture(scope="module")
def place(golden: Golden) -> Iterator[Place]:
    """One site on which everything happens, one after another, to the same clients."""
    with Place(SHORT, golden, seed=1) as place:
        place.send_away()
        yield place


@pytest.mark.parametrize("fault", ORDER)
def test_nothing_is_lost_and_nothing_invented_when_it_happens(
    place: Place, history: History, fault: str
) -> None:
    if why := running.lacking(fault):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)

    outcome = Stage(place, fault, history).run(running.FAULTS[fault])

    assert outcome.verdict.committed >= 10
    assert not outcome.is_failure, told(outcome)


@pytest.mark.parametrize("control", proving.controls(SHORT))
def test_a_control_that_loses_is_found_out(golden: Golden, control: str) -> None:
    outcome = proving.run_control(control, SHORT, golden, seed=1)

    assert proving.is_found_out(outcome), told(outcome)


def told(outcome: Outcome) -> str:
    return "\n".join([printing.line(1, outcome), *printing.evidence(outcome)])

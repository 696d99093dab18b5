"""The threat table: each of its tests exists, and each of its answers can be taken out and is seen."""

import re
from pathlib import Path

import pytest

import scheduler_realtime
from tests.defences.defence import Defence
from tests.defences.table import DEFENCES
from tests.harness.child import REPOSITORY

pytestmark = pytest.mark.sqlite_only

PACKAGE = Path(str(scheduler_realtime.__file__)).parent


def table() -> dict[str, list[str]]:
    """By threat, the tests that the README names."""
    section = (REPOSITORY / "README.md").read_text().partition("\n## Security\n")[2]
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]+ \| (.+) \|$", section.partition("\n## ")[0], re.MULTILINE
    )
    return {threat: re.findall(r"`([^`]+)`", tests) for threat, tests in rows[1:]}


THREATS = table()


@pytest.mark.parametrize("defence", DEFENCES, ids=[each.text for each in DEFENCES])
def test_every_defence_stands_once_where_it_is_to_be_taken_out(defence: Defence) -> None:
    assert (PACKAGE / defence.file).read_text().count(defence.text) == 1
    assert defence.text != defence.instead


@pytest.mark.parametrize("threat", THREATS)
def test_every_test_of_a_threat_fails_when_a_defence_is_gone(threat: str) -> None:
    seen = {test for each in DEFENCES if each.threat == threat for test in each.tests}

    assert THREATS[threat]
    assert set(THREATS[threat]) <= seen


def test_every_defence_answers_a_threat_of_the_readme() -> None:
    assert {each.threat for each in DEFENCES} == set(THREATS)


@pytest.mark.parametrize("test", sorted({test for each in DEFENCES for test in each.tests}))
def test_every_test_of_a_defence_exists(test: str) -> None:
    file, _, name = test.partition("::")

    assert re.search(
        rf"^(async )?def {name}\(", (REPOSITORY / "tests" / file).read_text(), re.MULTILINE
    )

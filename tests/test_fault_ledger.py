"""The fault suite's ledger: what must be told of a transaction, from each row it changed."""

from typing import Any

import pytest

from tests.faults import gathering, ledger
from tests.faults.judging.evidence import Commit
from tests.faults.ledger import Entry

pytestmark = pytest.mark.sqlite_only

NURSES, SURGEONS = "role:nurse", "role:surgeon"


def entry(id: int, old: str | None, new: str | None, **more: Any) -> Entry:  # noqa: A002
    facts = {
        "tx": 1,
        "pk": 7,
        "old_audience": None if old is None else "everyone",
        "new_audience": None if new is None else "everyone",
    }
    return Entry(id=id, old_token=old, new_token=new, **(facts | more))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([(None, "a")], ("create", "a")),
        ([("a", "b")], ("update", "b")),
        ([("a", None)], ("delete", "a")),
        ([("a", "b"), ("b", "c")], ("update", "c")),
        ([(None, "a"), ("a", "b")], ("create", "b")),
        ([("a", "b"), ("b", None)], ("delete", "a")),
        ([(None, "a"), ("a", None)], None),
    ],
)
def test_one_row_in_one_transaction_is_told_once(
    changes: list[tuple[str | None, str | None]], told: tuple[str, str] | None
) -> None:
    entries = [entry(number, *change) for number, change in enumerate(changes)]

    found = [(each.action, each.token) for each in ledger.tellings(entries)]

    assert found == ([] if told is None else [told])


def test_each_transaction_and_each_row_is_told_by_itself() -> None:
    entries = [entry(1, "a", "b"), entry(3, "b", "c", tx=2), entry(2, "x", "y", pk=8)]

    found = sorted(each.key for each in ledger.tellings(entries))

    assert found == [(7, "update", "b"), (7, "update", "c"), (8, "update", "y")]


def test_a_row_that_moves_leaves_the_sight_of_its_first_audience_alone() -> None:
    moves = [
        entry(1, "a", "b", old_audience=NURSES, new_audience=SURGEONS),
        entry(2, "b", "c", old_audience=SURGEONS, new_audience="everyone"),
    ]

    [told] = ledger.tellings(moves)

    assert (told.audience, told.left) == (frozenset({"everyone"}), frozenset({NURSES}))


def test_a_row_that_moves_and_is_deleted_is_told_to_those_who_knew_it() -> None:
    moves = [
        entry(1, "a", "b", old_audience=NURSES, new_audience=SURGEONS),
        entry(2, "b", None, old_audience=SURGEONS),
    ]

    [told] = ledger.tellings(moves)

    assert (told.key, told.audience) == ((7, "delete", "a"), frozenset({NURSES}))


def test_of_several_tries_to_delete_a_row_nobody_knows_which_was_committed() -> None:
    [told] = ledger.tellings([entry(1, "a", None)])
    first = {"began": 1.0, "returned": None, "over": 2.0, "tokens": [], "deletes": [7]}
    second = {"began": 3.0, "returned": 4.0, "over": 4.0, "tokens": [], "deletes": [7, 8]}

    once = gathering.commits([second], {told.key: told})
    twice = gathering.commits([first, second], {told.key: told})

    assert once == {told.key: Commit(began=3.0, returned=4.0, over=4.0)}
    assert twice == {told.key: Commit(began=1.0, returned=None, over=4.0)}
    assert gathering.commits([], {told.key: told}) == {}

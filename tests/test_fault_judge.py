"""The fault suite's judge: each kind of failure is found, and what is well is let go."""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.judging.evidence import Client, Commit, Evidence, Flag, Handed, Telling
from tests.faults.judging.judge import judge
from tests.faults.judging.verdict import Verdict

pytestmark = pytest.mark.sqlite_only

EVERYONE = frozenset({"everyone"})
NURSES = frozenset({"role:nurse"})
SURGEONS = frozenset({"role:surgeon"})


def telling(number: int, **more: Any) -> Telling:
    """The change that was committed `number`th, of a row of its own."""
    facts = {"pk": number, "action": "update", "token": f"t{number}", "audience": EVERYONE}
    return Telling(**(facts | {"tx": number, "order": number} | more))


def handed(told: Telling, position: int, **more: Any) -> Handed:
    """That telling at a position, handed over a hundredth of a second after its commit."""
    facts = {"epoch": "e", "pk": told.pk, "action": told.action, "token": told.token}
    return Handed(**({"moment": told.order + 0.01, "id": position} | facts | more))


def client(name: str, *received: Handed, words: frozenset[str] = EVERYONE, **more: Any) -> Client:
    return Client(name=name, words=words | EVERYONE, handed=list(received), **more)


def judged(tellings: list[Telling], *clients: Client, **more: Any) -> Verdict:
    """The verdict where the transaction of order n began at n - 0.1 and was committed at n."""
    commits = {
        each.key: Commit(began=each.order - 0.1, returned=each.order, over=each.order)
        for each in tellings
    }
    facts = {"tellings": {each.key: each for each in tellings}, "commits": commits}
    return judge(Evidence(**(facts | {"clients": list(clients), "heartbeat": 2.0} | more)))


def kinds(verdict: Verdict) -> set[str]:
    return {finding.kind for finding in verdict.findings}


@pytest.fixture
def three() -> list[Telling]:
    return [telling(1), telling(2), telling(3)]


def test_what_everybody_was_handed_in_order_is_well(three: list[Telling]) -> None:
    whole = [handed(told, told.order) for told in three]

    verdict = judged(three, client("a", *whole), client("b", *whole))

    assert not verdict.findings
    assert (verdict.committed, verdict.handed) == (3, 6)


def test_a_telling_that_one_client_never_got_is_lost(three: list[Telling]) -> None:
    whole = [handed(told, told.order) for told in three]

    verdict = judged(three, client("a", *whole), client("b", whole[0], whole[2]))

    assert kinds(verdict) == {"lost"}
    assert [(each.client, each.key) for each in verdict.findings] == [("b", three[1].key)]


def test_a_telling_that_nobody_got_is_lost_to_everybody(three: list[Telling]) -> None:
    some = [handed(three[0], 1), handed(three[1], 2)]

    verdict = judged(three, client("a", *some), client("b", *some))

    assert verdict.count("lost") == 2


def test_a_telling_handed_twice_is_a_duplicate(three: list[Telling]) -> None:
    whole = [handed(told, told.order) for told in three]

    verdict = judged(three, client("a", *whole, whole[2]))

    assert "duplicated" in kinds(verdict)


def test_a_telling_of_an_earlier_stage_is_a_duplicate(three: list[Telling]) -> None:
    old = telling(0)
    whole = [handed(told, told.order + 1) for told in [old, *three]]

    verdict = judged(three, client("a", *whole), earlier=frozenset({old.key}))

    assert kinds(verdict) == {"duplicated"}


def test_what_was_never_committed_is_rolled_back(three: list[Telling]) -> None:
    ghost = telling(4)
    whole = [handed(told, told.order) for told in [*three, ghost]]

    verdict = judged(three, client("a", *whole))

    assert kinds(verdict) == {"rolled back"}


def test_a_telling_for_others_is_beyond_rights() -> None:
    told = telling(1, audience=NURSES)
    nurse, surgeon = client("n", handed(told, 1), words=NURSES), client("s", words=SURGEONS)
    leak = replace(surgeon, handed=[handed(told, 1)])

    assert not judged([told], nurse, surgeon).findings
    assert kinds(judged([told], nurse, leak)) == {"beyond rights"}


def test_a_row_that_left_somebodys_sight_is_told_to_them_as_left_and_no_more() -> None:
    told = telling(1, audience=NURSES, left=SURGEONS)
    left = handed(told, 1, action="left", token="")
    nurse = client("n", handed(told, 1), words=NURSES)

    assert not judged([told], nurse, client("s", left, words=SURGEONS)).findings
    assert kinds(judged([told], nurse, client("s", words=SURGEONS))) == {"lost"}
    seen = judged([told], nurse, client("s", handed(told, 1), words=SURGEONS))
    assert kinds(seen) == {"lost", "beyond rights"}
    third = client("x", left)
    assert kinds(judged([told], nurse, client("s", left, words=SURGEONS), third)) == {
        "beyond rights"
    }


def test_positions_that_fall_are_out_of_order(three: list[Telling]) -> None:
    one, two, three_ = (handed(told, told.order) for told in three)

    verdict = judged(three, client("a", one, three_, two))

    assert kinds(verdict) == {"out of order"}


def test_a_row_whose_later_change_comes_first_is_out_of_order() -> None:
    first, second = telling(1, pk=7), telling(2, pk=7)
    swapped = [handed(second, 1), handed(first, 2)]

    verdict = judged([first, second], client("a", *swapped), commits={})

    assert kinds(verdict) == {"out of order"}


def test_a_commit_that_stands_behind_one_that_began_after_it_is_out_of_order() -> None:
    first, second = telling(1), telling(2)
    swapped = [handed(second, 1), handed(first, 2)]

    verdict = judged([first, second], client("a", *swapped))

    assert kinds(verdict) == {"out of order"}


def test_two_transactions_at_once_may_stand_in_either_order() -> None:
    first, second = telling(1), telling(2)
    commits = {
        first.key: Commit(began=0.5, returned=2.1, over=2.1),
        second.key: Commit(began=0.6, returned=1.0, over=1.0),
    }
    swapped = [handed(second, 1, moment=2.2), handed(first, 2, moment=2.2)]

    assert not judged([first, second], client("a", *swapped), commits=commits).findings


def test_a_position_that_is_another_telling_for_others_is_out_of_order(
    three: list[Telling],
) -> None:
    whole = [handed(told, told.order) for told in three]
    other = [whole[0], replace(whole[2], id=2), replace(whole[1], id=3)]

    verdict = judged(three, client("a", *whole), client("b", *other), commits={})

    assert kinds(verdict) == {"out of order"}


def test_a_position_that_nobody_saw_is_out_of_order_unless_it_is_no_change(
    three: list[Telling],
) -> None:
    gap = [handed(three[0], 1), handed(three[1], 2), handed(three[2], 4)]

    assert kinds(judged(three, client("a", *gap))) == {"out of order"}
    assert not judged(three, client("a", *gap), foreign=frozenset({("e", 3)})).findings


def test_a_transaction_whose_rows_are_scattered_is_out_of_order() -> None:
    one, other, two = telling(1, tx=1), telling(2, tx=2), telling(3, tx=1)
    whole = [handed(one, 1), handed(other, 2), handed(two, 3)]

    assert kinds(judged([one, other, two], client("a", *whole), commits={})) == {"out of order"}


def test_ids_that_fell_on_one_connection_are_out_of_order(three: list[Telling]) -> None:
    whole = [handed(told, told.order) for told in three]
    noted = [Flag(moment=1, kind="disorder", reason="2 after 3")]

    assert kinds(judged(three, client("a", *whole, flags=noted))) == {"out of order"}


def late(*flags: Flag) -> Verdict:
    told = telling(1)
    return judged([told], client("a", handed(told, 1, moment=31.0), flags=list(flags)))


def test_what_comes_late_without_a_word_is_silent() -> None:
    assert kinds(late()) == {"silent"}


@pytest.mark.parametrize(
    ("begins", "ends"), [("lost", "caught_up"), ("dead", "caught_up"), ("stale", "live")]
)
def test_what_comes_late_within_a_doubt_that_was_told_in_time_is_well(
    begins: str, ends: str
) -> None:
    flags = [Flag(moment=14, kind=begins), Flag(moment=30, kind=ends)]

    assert not late(*flags).findings


def test_a_doubt_that_was_told_too_late_does_not_cover() -> None:
    assert kinds(late(Flag(moment=16, kind="stale"), Flag(moment=30, kind="live"))) == {"silent"}


def test_a_doubt_that_was_over_long_before_does_not_cover() -> None:
    flags = [Flag(moment=5, kind="lost"), Flag(moment=20, kind="caught_up")]

    assert kinds(late(*flags)) == {"silent"}


def test_resuming_does_not_end_a_doubt_before_everything_was_caught_up() -> None:
    flags = [
        Flag(moment=5, kind="lost"),
        Flag(moment=6, kind="welcome", recovered=True),
        Flag(moment=32, kind="caught_up"),
    ]

    assert not late(*flags).findings


def resync(moment: float, position: int) -> Flag:
    return Flag(moment=moment, kind="resync", reason="trimmed", epoch="e", position=position)


def test_what_was_committed_before_a_client_read_afresh_is_excused_and_the_rest_is_not(
    three: list[Telling],
) -> None:
    whole = [handed(told, told.order) for told in three]
    again = client("b", flags=[resync(2.5, 2)])

    verdict = judged(three, client("a", *whole), again, may_excuse=True)

    assert {(each.kind, each.key) for each in verdict.findings if each.key} == {
        ("excused", three[0].key),
        ("excused", three[1].key),
        ("lost", three[2].key),
    }


def test_where_nothing_justifies_it_a_resync_is_a_failure(three: list[Telling]) -> None:
    whole = [handed(told, told.order) for told in three]
    again = client("b", *whole, flags=[resync(4, 3)])

    assert judged(three, again).is_guilty
    assert not judged(three, again, may_excuse=True).is_guilty


def test_whoever_must_read_afresh_and_was_not_told_is_in_the_dark(three: list[Telling]) -> None:
    whole = [handed(told, told.order) for told in three]
    must = {"a": frozenset({"epoch_changed"})}
    told = client("a", *whole, flags=[replace(resync(4, 3), reason="epoch_changed")])

    assert kinds(judged(three, client("a", *whole), must_resync=must)) == {"silent"}
    assert not judged(three, told, must_resync=must, may_excuse=True).is_guilty


def test_what_a_restore_took_back_may_have_been_handed_or_not(three: list[Telling]) -> None:
    void = {three[1].key: three[1]}
    rest = [three[0], three[2]]
    with_it = [handed(three[0], 1), handed(three[1], 2), handed(three[2], 2, epoch="f")]
    without = [with_it[0], with_it[2]]

    clients = [client("a", *with_it), client("b", *without)]
    assert not judged(rest, *clients, void=void, epoch="f", may_excuse=True).findings


def test_what_a_restored_log_tells_again_is_no_duplicate(three: list[Telling]) -> None:
    again = handed(three[2], 3, epoch="f")
    whole = [*(handed(told, told.order) for told in three), again]
    flags = (replace(resync(4.0, 2), epoch="f"),)

    once = judged(three, client("a", *whole, flags=list(flags)), epoch="f", may_excuse=True)
    twice = judged(three, client("a", *whole, again, flags=list(flags)), epoch="f", may_excuse=True)

    assert not once.faults
    assert kinds(twice) >= {"duplicated"}


def test_what_happened_again_after_a_restore_is_another_thing() -> None:
    gone = telling(1, pk=5, action="delete", token="first")
    again = replace(gone, tx=9, order=10**12)
    void = {(5, "delete", "first (void)"): replace(gone, token="first (void)")}
    both = [handed(gone, 7), handed(again, 7, epoch="f")]
    facts: dict[str, Any] = {"void": void, "epoch": "f", "may_excuse": True, "commits": {}}

    assert not judged([again], client("a", *both), **facts).findings
    assert kinds(judged([again], client("a", both[0]), **facts)) == {"lost"}
    assert kinds(judged([again], client("a", *both, both[1]), **facts)) == {"duplicated"}


@pytest.mark.parametrize(("kind", "well", "late"), [("dead", 4.1, 6.5), ("stale", 6.0, 15.5)])
def test_a_doubt_that_was_noted_after_too_long_is_silent(
    kind: str, well: float, late: float
) -> None:
    told = telling(1)

    def verdict(lag: float) -> Verdict:
        flags = [Flag(moment=2, kind=kind, lag=lag)]
        return judged([told], client("a", handed(told, 1), flags=flags))

    assert not verdict(well).findings
    assert kinds(verdict(late)) == {"silent"}
    assert verdict(well).lags[kind] == well

"""Figures: whatever an engine says of itself, a screen can show it."""

from typing import Any

import numpy as np
import pytest

from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.progress.figures import Figures

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def figures() -> Figures:
    return Figures(total=10, direction="minimize")


def payload(figures: Figures) -> dict[str, Any]:
    return figures.payload("x").model_dump()


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        ([{"iteration": 5}], {"progress_percentage": 50}),
        ([{"iteration": 25}], {"progress_percentage": 100, "current_iteration": 25}),
        ([{"iteration": 5}, {"iteration": 3}], {"progress_percentage": 50, "current_iteration": 5}),
        ([{"percentage": -4}], {"progress_percentage": 0}),
        ([{"percentage": 400}], {"progress_percentage": 100}),
        ([{"percentage": 40}, {"percentage": 20}], {"progress_percentage": 40}),
        ([{"percentage": float("nan")}], {"progress_percentage": 0}),
        ([{"score": 3}, {"score": 5}], {"current_score": 5, "best_score": 3}),
        ([{"score": 3}, {"score": float("nan")}], {"current_score": None, "best_score": 3}),
        ([{"score": float("-inf")}], {"current_score": None, "best_score": None}),
        ([{"score": 10**400}], {"current_score": None}),
        ([{"score": 3, "best": 9}], {"current_score": 3, "best_score": 9}),
        ([{"iteration": np.int64(2), "score": np.float64(1.5)}], {"current_score": 1.5}),
        ([{"metrics": {"a": [float("inf"), np.float32("nan")]}}], {"metrics": {"a": [None, None]}}),
    ],
)
def test_what_engines_say_is_made_showable(
    figures: Figures, updates: list[dict[str, Any]], expected: dict[str, Any]
) -> None:
    for update in updates:
        figures.take(**update)

    found = payload(figures)
    assert {name: found[name] for name in expected} == expected


def test_the_better_of_two_scores_may_be_the_larger() -> None:
    figures = Figures(total=None, direction="maximize")
    for score in (3.0, 5.0, 4.0):
        figures.take(iteration=1, score=score)

    found = payload(figures)
    assert (found["best_score"], found["total_iterations"]) == (5, None)
    assert found["progress_percentage"] == 0


@pytest.mark.parametrize(
    "wrong",
    [{"iteration": -1}, {"iteration": 1.5}, {"iteration": True}, {"iteration": 2**60}, {"score": "3"}, {"best": []}, {"metrics": {"a": object()}}, {"metrics": [1]}],
)  # fmt: skip
def test_what_is_no_number_is_refused_and_changes_nothing(
    figures: Figures, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidMessage):
        figures.take(**{"score": 1.0} | wrong)

    assert payload(figures)["current_score"] is None

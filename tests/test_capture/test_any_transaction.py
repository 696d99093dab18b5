"""Any transaction at all: each audience hears the difference between before and after, and no more."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scheduler_realtime import Audience, frames
from tests.hosts.bound import Told, binder
from tests.hosts.models import Operation

KEYS = (901, 902, 903)

SEEN_BY = {"a": ["x"], "b": ["x", "y"], "c": ["y"], "d": []}
"""Who may know of an operation, by its status."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One write: of the object of a key, or of several at once, or of a savepoint's own steps."""

    deed: str
    key: int = 0
    status: str = "a"
    number: int = 0
    steps: tuple["Step", ...] = ()


def steps(deeds: tuple[str, ...]) -> st.SearchStrategy[Step]:
    return st.builds(
        Step,
        deed=st.sampled_from(deeds),
        key=st.sampled_from(KEYS),
        status=st.sampled_from(sorted(SEEN_BY)),
        number=st.integers(0, 1),
    )


WRITES = steps(("save", "save", "update", "update many", "upsert", "delete", "delete many"))

PROGRAMS = st.lists(
    st.recursive(
        WRITES,
        lambda inner: st.builds(
            Step,
            deed=st.sampled_from(("kept", "lost")),
            steps=st.lists(inner, max_size=4).map(tuple),
        ),
        max_leaves=8,
    ),
    max_size=8,
)

BEFORE = st.lists(steps(("save",)), min_size=2, max_size=3, unique_by=lambda step: step.key)


def run(step: Step) -> None:
    row = Operation(pk=step.key, status=step.status, room_changes=step.number)
    match step.deed:
        case "save":
            row.save()
        case "update":
            Operation.objects.filter(pk=step.key).update(status=step.status)
        case "update many":
            Operation.objects.exclude(pk=step.key).update(status=step.status)
        case "upsert":
            Operation.objects.bulk_create(
                [row],
                update_conflicts=True,
                update_fields=["status", "room_changes"],
                unique_fields=["pk"],
            )
        case "delete":
            Operation.objects.filter(pk=step.key).delete()
        case "delete many":
            Operation.objects.filter(room_changes=step.number)._raw_delete("default")  # noqa: SLF001 - hosts do
        case deed:
            with transaction.atomic():
                for inner in step.steps:
                    run(inner)
                transaction.set_rollback(deed == "lost")


def snapshot() -> dict[int, Row]:
    return {row["id"]: row for row in Operation.objects.values("id", "status", "room_changes")}


def expected(role: str, before: Row | None, after: Row | None) -> Iterator[tuple[Any, ...]]:
    """What somebody of the role should hear of one object."""
    old, new = (values(row) for row in (before, after))
    knew, knows = (row is not None and role in SEEN_BY[row["status"]] for row in (before, after))
    if before is None:
        if knows:
            yield "create", None, new, {}
    elif after is None:
        if knew:
            yield "delete", None, {}, old
    elif old != new:
        differing = [name for name in old if old[name] != new[name]]
        if knows:
            pick = [{name: side[name] for name in differing} for side in (new, old)]
            yield "update", None, *pick
        elif knew:
            yield "delete", "left", {}, {}


def values(row: Row | None) -> Row:
    return {} if row is None else {name: row[name] for name in ("status", "room_changes")}


def heard(role: str, rows: list[Any]) -> list[tuple[Any, ...]]:
    """What somebody of the role hears of each object, whether told alone or in bulk."""
    texts = [frames.text_for(row, groups={f"role.{role}"}, is_cleared=True) for row in rows]
    found = [json.loads(text)["data"] for text in texts if text is not None]
    objects = [each for data in found for each in data.get("objects", [data])]
    return [
        (each["surgery_id"], each["action"], each.get("reason"), each["changes"], each["previous"])
        for each in objects
    ]


@pytest.mark.django_db
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=BEFORE, program=PROGRAMS, threshold=st.integers(1, 3))
@example(
    before=[Step("save", 901, "a")],
    program=[Step("update", 901, "b"), Step("update", 901, "a")],
    threshold=1,
)
@example(
    before=[Step("save", 901, "a"), Step("save", 902, "d")],
    program=[Step("update many", 903, "c")],
    threshold=1,
)
def test_each_audience_hears_the_difference_once(
    before: list[Step], program: list[Step], threshold: int
) -> None:
    def audience(self: Any, operation: Operation) -> Audience:
        return Audience(roles=SEEN_BY[operation.status])

    with (
        binder() as bind,
        override_settings(SCHEDULER_REALTIME={"BULK_THRESHOLD": threshold}),
        transaction.atomic(),
    ):
        bind(Operation, tracked=["status", "room_changes"], audience=audience)
        for step in before:
            run(step)
        told, was = Told(), snapshot()

        for step in program:
            run(step)

        rows, now = told.rows(), snapshot()
        transaction.set_rollback(True)
    for role in "xy":
        wanted = [
            (key, *each) for key in KEYS for each in expected(role, was.get(key), now.get(key))
        ]
        assert sorted(heard(role, rows), key=str) == sorted(wanted, key=str)

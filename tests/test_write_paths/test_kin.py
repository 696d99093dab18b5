"""Proxies, parents and children: whichever is written, the registered model is told."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from tests.hosts.models import Clinic, Slot, Theatre, UrgentSlot, Ward
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "a proxy, or a parent or child in multi-table inheritance",
    "yes, as the registered model",
)


EIGHT = dt.datetime(2026, 3, 10, 7, tzinfo=dt.UTC)
DONE = ("update", {"status": "planned"}, {"status": "done"})


def save(model: Any) -> None:
    row = model.objects.get()
    row.status = "done"
    row.save()


def update(model: Any) -> None:
    model.objects.update(status="done")


@pytest.mark.parametrize("write", [save, update])
@pytest.mark.parametrize("model", [Slot, UrgentSlot, Theatre])
def test_the_parent_is_told_whichever_is_written(
    watch: Watch, model: Any, write: Callable[[Any], None]
) -> None:
    Theatre.objects.create(start=EIGHT)
    told = watch(Slot, "status")

    write(model)

    assert told.changes() == [DONE]


@pytest.mark.parametrize("write", [save, update])
@pytest.mark.parametrize("model", [Ward, Clinic])
def test_the_child_is_told_whichever_is_written(
    watch: Watch, model: Any, write: Callable[[Any], None]
) -> None:
    Clinic.objects.create()
    told = watch(Clinic, "status")

    write(model)

    assert [(data["model"], data["changes"]) for data in told.data()] == [
        ("hosts.clinic", {"status": "done"})
    ]


def test_a_child_that_is_deleted_by_its_parent_is_told(watch: Watch) -> None:
    clinic = Clinic.objects.create()
    told = watch(Clinic, "beds")

    Ward.objects.get(pk=clinic.pk).delete()

    assert told.changes() == [("delete", {"beds": 1}, {})]

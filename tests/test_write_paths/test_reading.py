"""Reading: nothing changes, so nothing is told."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.hosts.models import Operation
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "`raw()`, `refresh_from_db()` and other reading",
    "there is nothing to tell",
)


READS: list[Callable[[Operation], Any]] = [
    lambda it: list(Operation.objects.raw("SELECT * FROM hosts_operation")),
    lambda it: it.refresh_from_db(),
    lambda it: Operation.objects.in_bulk(),
    lambda it: Operation.objects.get_or_create(pk=it.pk),
    lambda it: list(Operation.objects.select_related("room").prefetch_related("team")),
]


@pytest.mark.parametrize("read", READS)
def test_nothing_is_told(watch: Watch, read: Callable[[Operation], Any]) -> None:
    operation = Operation.objects.create()
    told = watch(Operation, "status")

    read(operation)

    assert told.rows() == []

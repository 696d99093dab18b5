"""Another database than the log's: no transaction holds both, so nothing of it is told."""

import pytest
from django.contrib.auth.models import User

from scheduler_realtime import log
from scheduler_realtime.models import Message
from tests.hosts.models import Assignment, Operation
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "another database than the log's (`using=`)",
    "no (E009, where a router says so)",
)


def test_a_write_there_is_not_told(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.create(username="a")
    watch(Operation, "status", "lead", "team", "helpers")
    monkeypatch.setattr(log, "database", lambda: "elsewhere")

    [operation] = Operation.objects.bulk_create([Operation(lead=user)])
    operation.save()
    Operation.objects.update(status="done")
    operation.team.add(user)
    Assignment.objects.bulk_create([Assignment(operation=operation, user=user)])
    user.delete()
    Operation.objects.all()._raw_delete("default")  # noqa: SLF001 - hosts do

    assert not Message.objects.exists()

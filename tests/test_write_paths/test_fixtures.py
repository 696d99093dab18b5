"""Fixtures: objects that are saved raw, past every override of `save()`."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import call_command

from tests.hosts.models import Operation
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "`loaddata` and other deserialized objects",
    "yes",
)


@pytest.fixture
def text() -> str:
    """An operation with a list, as `dumpdata` writes it."""
    operation = Operation.objects.create()
    operation.team.add(User.objects.create(username="a"))
    return serializers.serialize("json", [operation]).replace("planned", "loaded")


def test_a_fixture_is_told(watch: Watch, text: str, tmp_path: Path) -> None:
    told = watch(Operation, "status")
    path = tmp_path / "operations.json"
    path.write_text(text)

    call_command("loaddata", str(path), verbosity=0)

    assert told.changes() == [("update", {"status": "planned"}, {"status": "loaded"})]


def test_a_deserialized_object_is_told_with_its_lists(watch: Watch, text: str) -> None:
    Operation.objects.get().team.clear()
    told = watch(Operation, "status", "team")

    for found in serializers.deserialize("json", text):
        found.save()

    user = User.objects.get()
    assert told.changes() == [
        ("update", {"status": "planned", "team": []}, {"status": "loaded", "team": [user.pk]})
    ]

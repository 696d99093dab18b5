"""Forms, REST framework and the admin: all of them save and delete objects."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.forms import modelform_factory, modelformset_factory
from django.test import Client
from rest_framework.serializers import ModelSerializer

from tests.hosts.models import Assignment, Operation
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "forms and formsets, REST framework, the admin: its lists, inlines and actions",
    "yes",
)


DONE = ("update", {"status": "planned"}, {"status": "done"})


@pytest.fixture
def operation() -> Operation:
    return Operation.objects.create()


def formset(prefix: str, initial: int, *forms: dict[str, Any]) -> dict[str, Any]:
    """What a browser posts of a set of forms."""
    data = {f"{prefix}-TOTAL_FORMS": len(forms), f"{prefix}-INITIAL_FORMS": initial}
    return data | {
        f"{prefix}-{n}-{name}": value for n, f in enumerate(forms) for name, value in f.items()
    }


def test_a_form_is_told(watch: Watch, operation: Operation) -> None:
    told = watch(Operation, "status")

    modelform_factory(Operation, fields=["status"])({"status": "done"}, instance=operation).save()

    assert told.changes() == [DONE]


def test_a_formset_is_told(watch: Watch, operation: Operation) -> None:
    other = Operation.objects.create()
    told = watch(Operation, "status")
    forms = (
        {"id": operation.pk, "status": "done"},
        {"id": other.pk, "status": "planned", "DELETE": "on"},
        {"status": "new"},
    )

    kind = modelformset_factory(Operation, fields=["status"], can_delete=True)
    kind(formset("form", 2, *forms)).save()

    assert sorted(told.changes()) == sorted(
        [DONE, ("delete", {"status": "planned"}, {}), ("create", {}, {"status": "new"})]
    )


class OperationSerializer(ModelSerializer):
    class Meta:
        model = Operation
        fields = ["status", "team"]


def test_a_serializer_is_told_with_its_lists(watch: Watch, operation: Operation) -> None:
    user = User.objects.create(username="a")
    told = watch(Operation, "status", "team")

    serializer = OperationSerializer(operation, {"status": "done", "team": [user.pk]})
    serializer.is_valid(raise_exception=True)
    serializer.save()

    assert told.changes() == [
        ("update", {"status": "planned", "team": []}, {"status": "done", "team": [user.pk]})
    ]


@pytest.mark.urls("tests.hosts.site")
class TestAdmin:
    @pytest.fixture
    def client(self, client: Client) -> Client:
        client.force_login(User.objects.create_superuser("chief"))
        return client

    def post(self, client: Client, path: str, data: dict[str, Any]) -> None:
        response = client.post(f"/hosts/hosts/operation/{path}", data)
        assert response.status_code == 302, response.content.decode()

    def test_an_edited_list_is_told(
        self, watch: Watch, operation: Operation, client: Client
    ) -> None:
        told = watch(Operation, "status")

        row = {"id": operation.pk, "status": "done"}
        self.post(client, "", formset("form", 1, row) | {"_save": "Save"})

        assert told.changes() == [DONE]

    def test_an_action_that_updates_in_bulk_is_told(
        self, watch: Watch, operation: Operation, client: Client
    ) -> None:
        told = watch(Operation, "status")

        self.post(client, "", {"action": "finish", "_selected_action": [operation.pk]})

        assert told.changes() == [DONE]

    def test_what_is_deleted_by_its_action_is_told(
        self, watch: Watch, operation: Operation, client: Client
    ) -> None:
        told = watch(Operation, "status")

        chosen = {"action": "delete_selected", "_selected_action": [operation.pk]}
        self.post(client, "", chosen | {"post": "yes"})

        assert told.changes() == [("delete", {"status": "planned"}, {})]

    def test_a_page_with_an_inline_is_told(
        self, watch: Watch, operation: Operation, client: Client
    ) -> None:
        old, new = (User.objects.create(username=name) for name in "ab")
        link = Assignment.objects.create(operation=operation, user=old)
        told = watch(Operation, "status", "helpers")
        forms = (
            {"id": link.pk, "operation": operation.pk, "user": old.pk, "DELETE": "on"},
            {"operation": operation.pk, "user": new.pk},
        )

        inline = formset("assignment_set", 1, *forms)
        self.post(client, f"{operation.pk}/change/", {"status": "done"} | inline)

        assert told.changes() == [
            (
                "update",
                {"status": "planned", "helpers": [old.pk]},
                {"status": "done", "helpers": [new.pk]},
            )
        ]

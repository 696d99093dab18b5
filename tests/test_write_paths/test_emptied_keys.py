"""Keys that Django changes because what they lead to is deleted."""

import pytest
from django.contrib.auth.models import User

from tests.hosts.models import Category, Loan, Operation
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "a delete elsewhere by which `SET_NULL`, `SET_DEFAULT` or `SET()` changes a key",
    "yes, where the key is tracked",
)


@pytest.mark.parametrize("name", ["lead", "deputy"], ids=["SET_NULL", "SET_DEFAULT"])
@pytest.mark.parametrize("is_queryset", [True, False])
def test_an_emptied_key_is_told(watch: Watch, name: str, is_queryset: bool) -> None:
    user = User.objects.create(username="a")
    Operation.objects.create(**{name: user})
    told, key = watch(Operation, name), user.pk

    (User.objects.all() if is_queryset else user).delete()

    assert told.changes() == [("update", {name: key}, {name: None})]


def test_a_key_that_a_function_sets_is_told(watch: Watch) -> None:
    category = Category.objects.create(minutes=30)
    Loan.objects.create(category=category)
    told, key = watch(Loan, "category"), category.pk

    category.delete()

    [spare] = Category.objects.values_list("pk", flat=True)
    assert told.changes() == [("update", {"category": key}, {"category": spare})]


def test_a_key_that_is_not_tracked_is_not_told(watch: Watch) -> None:
    user = User.objects.create(username="a")
    Operation.objects.create(lead=user)
    told = watch(Operation, "status")

    user.delete()

    assert told.rows() == []

"""Texts of a save: told clean and cut, while the host's own row is left as it was written."""

import pytest

from tests.hosts.bound import Bind, Told
from tests.hosts.models import Operation

pytestmark = pytest.mark.django_db

MARKUP = "<img src=x onerror=alert(1)>"


def test_a_save_is_told_clean_and_the_row_keeps_what_was_written(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation, tracked=["status", "details"])
    told = Told()

    operation.status, operation.details = "<b>x", {"note": [MARKUP]}
    operation.save()

    operation.refresh_from_db()
    assert (operation.status, operation.details) == ("<b>x", {"note": [MARKUP]})
    changes = told.changes()[0][2]
    assert changes == {"status": "< b>x", "details": {"note": ["< img src=x onerror=alert(1)>"]}}


def test_a_long_text_is_cut_and_never_fails_the_save(bind: Bind) -> None:
    operation = Operation.objects.create(details={"note": "x" * 5000})
    bind(Operation, tracked=["details"])
    told = Told()

    operation.details = {"note": "y" * 5000}
    operation.save()

    _, previous, changes = told.changes()[0]
    assert previous == {"details": {"note": "x" * 1999 + "…"}}
    assert changes == {"details": {"note": "y" * 1999 + "…"}}


def test_a_change_behind_the_cut_is_told_though_it_cannot_be_seen(bind: Bind) -> None:
    operation = Operation.objects.create(details={"note": "x" * 5000})
    bind(Operation, tracked=["details"])
    told = Told()

    operation.details = {"note": "x" * 4999 + "y"}
    operation.save()

    assert [action for action, _, _ in told.changes()] == ["update"]

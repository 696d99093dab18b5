"""Discretion: no report of an error shows a patient's name, whatever variables it shows."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.views.debug import ExceptionReporter

from project.scheduling.models import Surgery
from scheduler_realtime import (
    broadcast_emergency_alert,
    broadcast_schedule_update,
    changes,
    log,
    registry,
    send_system_notification,
)
from scheduler_realtime.discretion import forget_values, told_of
from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.log import writing
from tests.harness import tokens
from tests.harness.desk import person

pytestmark = pytest.mark.django_db

NAME = "".join(["Jane", " Doe"])  # no line of this file has it, as reports show lines too


def alert() -> None:
    broadcast_emergency_alert(
        emergency_id="e", emergency_type="t", priority="high", description=NAME, patient_name=NAME
    )


def update() -> None:
    broadcast_schedule_update(action="update", changes={"patient_name": NAME})


def notice() -> None:
    send_system_notification(title=NAME, message=NAME)


def append() -> None:
    binding = registry.binding_for(Surgery)
    assert binding is not None
    changes.record(binding, [(None, Surgery(pk=1, patient_name=NAME))], using="default")


def report_of(deed: Callable[[], Any], error: type[Exception]) -> str:
    """What administrators would be sent, variables included."""
    try:
        with transaction.atomic():
            deed()
    except error:
        return str(ExceptionReporter(None, *sys.exc_info()).get_traceback_html())
    raise AssertionError("nothing was raised")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that refuses whatever is written into the log."""

    def refuse(connection: Any, count: int) -> str:
        return "SELECT nonsense"

    monkeypatch.setattr(writing, "_insert_sql", refuse)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("deed", [alert, update, notice, append])
def test_a_statement_that_fails_is_reported_without_its_values(
    deed: Callable[[], None],
) -> None:
    report = report_of(deed, Exception)

    assert "writing.py" in report
    assert NAME not in report


def test_a_message_that_is_refused_is_reported_without_its_values() -> None:
    def refused() -> None:
        send_system_notification(title=NAME, message=NAME, action_items=NAME)

    report = report_of(refused, InvalidMessage)

    assert "must be a list" in report
    assert NAME not in report


@pytest.mark.usefixtures("broken", "unthrottled")
def test_a_request_that_fails_is_reported_without_its_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who: User = person("sender", "broadcast_message")
    client = Client(raise_request_exception=False)
    data = {"action": "update", "changes": {"patient_name": NAME}}

    with transaction.atomic():
        answer = client.post(
            "/api/ws/broadcast",
            {"type": "schedule_update", "data": data},
            content_type="application/json",
            headers={"Authorization": f"Bearer {tokens.access(who.pk)}"},
        )
        transaction.set_rollback(True)

    assert answer.status_code == 500
    report = ExceptionReporter(answer.wsgi_request, *answer.exc_info).get_traceback_html()
    assert "writing.py" in report
    assert NAME not in report


def test_an_error_is_told_by_its_kind_and_where_it_came_from() -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            values = [NAME]
            cursor.execute("INSERT INTO auth_user (username) VALUES (%s)", values)
    except IntegrityError as error:
        forget_values(error)
        told = told_of(error)

    assert told.startswith("IntegrityError\n")
    assert "test_discretion.py" in told
    assert NAME not in told
    assert log.state().head == 0

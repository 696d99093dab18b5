"""Throttles of the REST API: so many requests a minute of each user, whatever they ask for."""

from typing import Any

import pytest
from django.http import HttpResponse
from pytest_django import Settings

from tests.harness.desk import ask, person, read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

NOTICE = {"title": "t", "message": "m"}
NOTE = {"type": "system_notification", "data": NOTICE}


@pytest.mark.parametrize(
    ("path", "body", "most"),
    [("broadcast", NOTE, 60), ("notify/system", NOTICE, 60), ("ticket", {}, 30)],
)
def test_too_many_requests_of_one_user_are_told_when_to_come_again(
    path: str, body: Any, most: int
) -> None:
    who, other = person("who", "broadcast_message"), person("other", "broadcast_message")

    # What is refused counts as well, and is cheaper for a test.
    asked = [ask("POST", path, who=who, body="{") for _ in range(most)]
    refused = ask("POST", path, who=who, body=body)
    others = ask("POST", path, who=other, body=body)

    assert {answer.status_code for answer in asked} == {400}
    check_throttled(refused)
    assert others.status_code == 201


def test_all_other_requests_of_a_user_are_counted_together() -> None:
    who = person("who")
    paths = ["users/active", "conflicts", "optimizations", "messages"]

    asked = [ask("GET", paths[n % 4], who=who) for n in range(240)]
    refused = ask("GET", "messages", who=who)

    assert {answer.status_code for answer in asked} == {200}
    check_throttled(refused)
    assert ask("POST", "ticket", who=who).status_code == 201


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("TICKETS_PER_MINUTE", "ticket"),
        ("BROADCASTS_PER_MINUTE", "broadcast"),
        ("REQUESTS_PER_MINUTE", "cleanup"),
    ],
)
def test_how_many_requests_a_user_may_send_is_a_setting(
    name: str, path: str, settings: Settings
) -> None:
    settings.SCHEDULER_REALTIME = {name: 2}
    who = person("who", "broadcast_message", "delete_connection")

    asked = [ask("POST", path, who=who, body="{").status_code for _ in range(3)]

    assert asked == [400, 400, 429]


ALERT = {
    "type": "emergency_alert",
    "data": {
        "emergency_id": "1",
        "emergency_type": "fire",
        "priority": "immediate",
        "description": "Room 2",
    },
}


def test_an_emergency_alert_is_never_throttled_of_whom_may_send_one() -> None:
    who = person("who", "broadcast_message", "send_emergency_alert")
    other = person("other", "broadcast_message")
    for _ in range(60):
        ask("POST", "broadcast", who=who, body="{")
        ask("POST", "broadcast", who=other, body="{")

    alerts = [ask("POST", "broadcast", who=who, body=ALERT) for _ in range(3)]

    assert [answer.status_code for answer in alerts] == [201] * 3
    check_throttled(ask("POST", "broadcast", who=who, body=NOTE))
    check_throttled(ask("POST", "broadcast", who=who, body="{"))
    check_throttled(ask("POST", "broadcast", who=other, body=ALERT))


def check_throttled(answer: HttpResponse) -> None:
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60
    assert read(answer)["detail"]
    assert answer["Cache-Control"] == "no-store"

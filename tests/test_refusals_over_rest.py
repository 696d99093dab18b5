"""What the REST API refuses, endpoint by endpoint, and that nothing is stored of it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory

from scheduler_realtime import (
    broadcast_conflict_notification,
    broadcast_optimization_progress,
    clock,
    tickets,
)
from scheduler_realtime.api import urls
from scheduler_realtime.claims import claims_of
from scheduler_realtime.models import Message, OptimizationRun, Receipt, Ticket
from scheduler_realtime.testing import pump
from tests.harness import tokens
from tests.harness.desk import ROOT, ask, node, person, presence, read, socket
from tests.harness.endpoints import CALLS, NOTE, Call

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

WRITING = [call for call in CALLS if call.method != "GET"]
SENDING = CALLS[:2]

every_call = pytest.mark.parametrize("call", CALLS, ids=str)
# Health, which anybody may ask, would wait for the transaction that a test is in.
every_closed = pytest.mark.parametrize("call", [c for c in CALLS if not c.is_open], ids=str)
every_writing = pytest.mark.parametrize("call", WRITING, ids=str)


@pytest.fixture
def viewer() -> User:
    return person("viewer", roles=["viewer"])


@pytest.fixture
def names() -> dict[str, Any]:
    """A conflict, a run, a message and another's socket, to be seen by all; a ticket to sweep."""
    boss = person("boss")
    open_socket = socket(boss, node())
    presence(boss, open_socket.pk)
    tickets.issue(claims_of(boss, until=0))
    Ticket.objects.update(expires_at=clock.now())
    broadcast_optimization_progress(optimization_id="run", progress_percentage=1)
    broadcast_conflict_notification(
        conflict_id="c", conflict_type="room", severity="error", description="d"
    )
    pump()
    position = Message.objects.order_by("-position").values_list("position", flat=True)[0]
    return {"boss": boss.pk, "socket": open_socket.pk, "position": position}


@pytest.fixture
def place(names: dict[str, Any]) -> Iterator[Callable[[Call], str]]:
    """Fills in the path of a call, and looks afterwards that nothing was stored."""
    before = stored()
    yield lambda call: call.path.format(**names)
    assert stored() == before


def stored() -> tuple[int, ...]:
    asked = OptimizationRun.objects.exclude(cancel_asked_at=None)
    rows = (Message.objects, Receipt.objects, Ticket.objects, asked)
    return tuple(each.count() for each in rows)


def holder(call: Call) -> User:
    """Somebody who may do this, and nothing else."""
    return person("holder", *([call.permission] if call.permission else []))


def check_refusal(answer: HttpResponse, status: int, kind: str = "application/json") -> None:
    assert answer.status_code == status, answer.content
    check_said(answer, kind)


def check_said(answer: HttpResponse, kind: str) -> None:
    assert answer["Cache-Control"] == "no-store"
    assert answer.status_code == 204 or answer["Content-Type"].partition(";")[0] == kind
    assert answer.status_code == 204 or (read(answer) if "json" in kind else answer.content)


def test_every_route_is_in_the_table() -> None:
    routes = {
        (method.upper(), str(route.pattern))
        for route in urls.urlpatterns
        for method in route.callback.actions
    }

    asked = {
        (call.method, str(route.pattern))
        for route in urls.urlpatterns
        for call in CALLS
        if route.pattern.match(call.path)
    }

    assert asked == {(method, path) for method, path in routes if method != "HEAD"}


@every_closed
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_holder_is_answered(call: Call, slash: str, names: dict[str, Any]) -> None:
    answer = ask(call.method, call.path.format(**names) + slash, who=holder(call), body=call.body)

    assert answer.status_code == call.answer, answer.content
    check_said(answer, call.kind)


@every_closed
def test_nobody_unknown_is_answered(call: Call, place: Callable[[Call], str]) -> None:
    answer = ask(call.method, place(call), body=call.body)

    check_refusal(answer, 401, call.kind)


@every_closed
def test_a_credential_that_is_none_is_refused(call: Call, place: Callable[[Call], str]) -> None:
    for token in (tokens.refresh(1), tokens.expired(1), tokens.unsigned(1), "x"):
        headers = {"Authorization": f"Bearer {token}"}
        answer = ask(call.method, place(call), body=call.body, **headers)
        check_refusal(answer, 401, call.kind)


@pytest.mark.parametrize("call", [each for each in CALLS if each.permission], ids=str)
def test_whoever_lacks_the_permission_is_refused(
    call: Call, place: Callable[[Call], str], viewer: User
) -> None:
    every_other = {each.permission for each in CALLS if each.permission} - {call.permission}
    other = person("other", *map(str, every_other))

    for who in (viewer, other):
        answer = ask(call.method, place(call), who=who, body=call.body)
        check_refusal(answer, call.refused, call.kind)


@every_call
def test_another_method_is_refused(call: Call, place: Callable[[Call], str]) -> None:
    boss = person("all")
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE"} - {call.method}

    for method in methods:
        check_refusal(ask(method, place(call), who=boss), 405, call.kind)


@every_writing
def test_another_content_type_is_refused(call: Call, place: Callable[[Call], str]) -> None:
    kinds = ("text/plain", "application/xml", "application/x-www-form-urlencoded")

    for kind in kinds:
        answer = ask(call.method, place(call), who=holder(call), body='{"a":1}', content_type=kind)
        check_refusal(answer, 415)
        User.objects.filter(username="holder").delete()


@every_writing
@pytest.mark.parametrize("text", ["{", "NaN", "[" * 60_000], ids=["cut off", "NaN", "deep"])
def test_a_body_that_is_no_json_is_refused(
    call: Call, place: Callable[[Call], str], text: str
) -> None:
    check_refusal(ask(call.method, place(call), who=holder(call), body=text), 400)


@every_writing
def test_a_body_of_more_than_64_kib_is_refused_whatever_it_says(
    call: Call, place: Callable[[Call], str]
) -> None:
    text = json.dumps(call.body or {})

    answer = ask(call.method, place(call), who=holder(call), body=f"{text:65537}")

    check_refusal(answer, 400)
    assert read(answer) == {"detail": ["A request has at most 65536 bytes."]}


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"users": [424_242]}, "users", "There is no user 424242."),
    ({"roles": ["barber"]}, "roles", "There is no role 'barber'."),
    ({"roles": ["viewer", "Viewer"]}, "roles", "There is no role 'Viewer'."),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "lies in the past"),
    ({"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at", "out of range"),
    ({"users": list(range(10_001))}, "users", "no more than 10000 elements"),
    ({"roles": ["v"] * 10_001}, "roles", "no more than 10000 elements"),
]


@pytest.mark.parametrize("call", SENDING, ids=str)
@pytest.mark.parametrize(("more", "field", "said"), BAD, ids=[each[2] for each in BAD])
def test_receivers_and_ends_that_cannot_be_are_named(
    call: Call,
    more: dict[str, Any],
    field: str,
    said: str,
    place: Callable[[Call], str],
    viewer: User,
) -> None:
    answer = ask(call.method, place(call), who=holder(call), body=call.body | more)

    check_refusal(answer, 400)
    assert set(read(answer)) == {field}
    assert said in str(read(answer)[field])


@pytest.mark.parametrize(
    "name",
    ["nonsense", "user_presence", "receipt_update", "statistics", "resync", "control", "error"],
)
def test_a_type_that_nobody_may_send_is_refused(name: str, place: Callable[[Call], str]) -> None:
    answer = ask("POST", place(SENDING[0]), who=holder(SENDING[0]), body=NOTE | {"type": name})

    check_refusal(answer, 400)
    assert set(read(answer)) == {"type"}


@pytest.mark.parametrize(
    "body",
    [NOTE | {"user_id": None}, {"type": "emergency_alert", "data": {}}],
)
def test_what_takes_another_permission_is_refused(
    body: dict[str, Any], place: Callable[[Call], str], names: dict[str, Any]
) -> None:
    if "user_id" in body:
        body = body | {"user_id": names["boss"]}

    check_refusal(ask("POST", place(SENDING[0]), who=holder(SENDING[0]), body=body), 403)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "connections/00000000-0000-4000-8000-000000000000"),
        ("DELETE", "connections/nonsense"),
        ("POST", "optimizations/nonsense/cancel"),
        ("POST", "optimizations/%00/cancel"),
        ("POST", "messages/999999/ack"),
        ("GET", "messages/999999/receipts"),
        ("GET", "messages/x/receipts"),
        ("POST", "messages/%00/ack"),
        ("POST", "messages/-1/ack"),
    ],
)
def test_what_is_not_there_is_not_found(method: str, path: str) -> None:
    permissions = [call.permission for call in CALLS if call.permission]

    check_refusal(ask(method, path, who=person("holder", *permissions)), 404)
    assert stored() == (0, 0, 0, 0)


@every_call
def test_what_may_be_asked_is_told(call: Call, place: Callable[[Call], str]) -> None:
    permissions = [each.permission for each in CALLS if each.permission]

    answer = ask("OPTIONS", place(call), who=person("holder", *permissions))

    assert answer.status_code == 200, answer.content
    assert call.method in answer["Allow"]


# Sessions.


@every_writing
def test_a_session_without_a_csrf_token_changes_nothing(
    call: Call, place: Callable[[Call], str]
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(holder(call))

    answer = client.generic(call.method, f"{ROOT}/{place(call)}", "{}", "application/json")

    check_refusal(answer, 403)
    assert "CSRF" in read(answer)["detail"]


@every_closed
def test_a_session_with_a_csrf_token_is_answered(call: Call, names: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(holder(call))
    request = RequestFactory().get("/")
    token = get_token(request)
    client.cookies["csrftoken"] = request.META["CSRF_COOKIE"]

    answer = client.generic(
        call.method,
        f"{ROOT}/{call.path.format(**names)}",
        "" if call.body is None else json.dumps(call.body),
        "application/json",
        headers={"X-CSRFToken": token},
    )

    assert answer.status_code == call.answer, answer.content

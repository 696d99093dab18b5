"""What the REST API refuses, endpoint by endpoint, and that nothing is stored of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory

from scheduler_realtime import broadcast_conflict_notification, broadcast_optimization_progress
from scheduler_realtime.models import Message, OptimizationRun, Receipt, Ticket
from scheduler_realtime.testing import pump
from tests.harness import tokens
from tests.harness.desk import ROOT, ask, node, person, presence, read, socket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

NOTICE = {"title": "t", "message": "m"}
NOTE: dict[str, Any] = {"type": "system_notification", "data": NOTICE}


@dataclass(frozen=True)
class Call:
    """A row of the protocol's table. `permission` None: any authenticated user.

    `answer` is what those get who have the permission, `refused` those who have not.
    """

    method: str
    path: str
    answer: int
    permission: str | None = None
    refused: int = 403
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


# Another endpoint is another line here.
CALLS = [
    Call("POST", "broadcast", 201, "broadcast_message", body=NOTE),
    Call("POST", "notify/system", 201, "broadcast_message", body=NOTICE),
    Call("GET", "connections", 200, "view_connection"),
    Call("GET", "connections/user/{boss}", 200, "view_connection", refused=404),
    Call("DELETE", "connections/{socket}", 204, "delete_connection"),
    Call("GET", "users/active", 200),
    Call("POST", "ticket", 201),
    Call("GET", "messages", 200),
    Call("POST", "messages/{position}/ack", 200),
    Call("GET", "messages/{position}/receipts", 200, "view_receipt"),
    Call("GET", "conflicts", 200),
    Call("GET", "optimizations", 200),
    Call("POST", "optimizations/run/cancel", 202, "cancel_optimization"),
]

WRITING = [call for call in CALLS if call.method != "GET"]
SENDING = CALLS[:2]

every_call = pytest.mark.parametrize("call", CALLS, ids=str)
every_writing = pytest.mark.parametrize("call", WRITING, ids=str)


@pytest.fixture
def viewer() -> User:
    return person("viewer", roles=["viewer"])


@pytest.fixture
def names() -> dict[str, Any]:
    """A conflict, a run, a message and another's socket, all to be seen by everybody."""
    boss = person("boss")
    open_socket = socket(boss, node())
    presence(boss, open_socket.pk)
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


def check_refusal(answer: HttpResponse, status: int) -> None:
    assert answer.status_code == status, answer.content
    assert read(answer)
    assert answer["Cache-Control"] == "no-store"


@every_call
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_holder_is_answered(call: Call, slash: str, names: dict[str, Any]) -> None:
    answer = ask(call.method, call.path.format(**names) + slash, who=holder(call), body=call.body)

    assert answer.status_code == call.answer, answer.content
    assert answer["Cache-Control"] == "no-store"
    assert answer.status_code == 204 or read(answer)


@every_call
def test_nobody_unknown_is_answered(call: Call, place: Callable[[Call], str]) -> None:
    answer = ask(call.method, place(call), body=call.body)

    check_refusal(answer, 401)


@every_call
def test_a_credential_that_is_none_is_refused(call: Call, place: Callable[[Call], str]) -> None:
    for token in (tokens.refresh(1), tokens.expired(1), tokens.unsigned(1), "x"):
        headers = {"Authorization": f"Bearer {token}"}
        check_refusal(ask(call.method, place(call), body=call.body, **headers), 401)


@pytest.mark.parametrize("call", [each for each in CALLS if each.permission], ids=str)
def test_whoever_lacks_the_permission_is_refused(
    call: Call, place: Callable[[Call], str], viewer: User
) -> None:
    every_other = {each.permission for each in CALLS if each.permission} - {call.permission}
    other = person("other", *map(str, every_other))

    for who in (viewer, other):
        check_refusal(ask(call.method, place(call), who=who, body=call.body), call.refused)


@every_call
def test_another_method_is_refused(call: Call, place: Callable[[Call], str]) -> None:
    boss = person("all")
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE"} - {call.method}

    for method in methods:
        check_refusal(ask(method, place(call), who=boss), 405)


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


@pytest.mark.parametrize("name", ["nonsense", "user_presence", "receipt_update", "resync", "error"])
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


@every_call
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

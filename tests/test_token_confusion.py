"""Token confusion: whatever is not a valid access token of somebody who may be here opens nothing."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt import state
from rest_framework_simplejwt.tokens import RefreshToken

from scheduler_realtime import books, claims, tickets
from scheduler_realtime import hub as hubs
from scheduler_realtime.consumers import RealtimeConsumer
from scheduler_realtime.handshake import SUBPROTOCOL
from scheduler_realtime.routing import websocket_middleware
from tests.harness import tokens
from tests.harness.house import House

AUDIENCE = "the board"


def signed(user: User, **changes: Any) -> str:
    payload = jwt.decode(tokens.access(user.pk), options={"verify_signature": False})
    return jwt.encode(payload | changes, project.SECRET_KEY, algorithm="HS256")


def of_deleted(user: User) -> str:
    token = tokens.access(user.pk)
    user.delete()
    return token


def of_inactive(user: User) -> str:
    User.objects.filter(pk=user.pk).update(is_active=False)
    return tokens.access(user.pk)


def of_logged_out(user: User) -> str:
    refresh = RefreshToken.for_user(user)
    access = refresh.access_token
    access.set_iat(at_time=timezone.now() - timedelta(seconds=5))
    refresh.blacklist()
    return str(access)


FAULTS: dict[str, tuple[Callable[[User], str], int]] = {
    "a refresh token": (lambda user: tokens.refresh(user.pk), 4401),
    "the algorithm none": (lambda user: tokens.unsigned(user.pk), 4401),
    "the wrong key": (lambda user: tokens.wrong_key(user.pk), 4401),
    "another audience": (lambda user: signed(user, aud="the wages"), 4401),
    "expired": (lambda user: tokens.expired(user.pk), 4401),
    "not yet valid": (lambda user: signed(user, nbf=time.time() + 600), 4401),
    "issued tomorrow": (lambda user: signed(user, iat=time.time() + 86400), 4401),
    "a deleted user": (of_deleted, 4401),
    "an inactive user": (of_inactive, 4403),
    "a blacklisted login": (of_logged_out, 4401),
}

Handshake = tuple[dict[str, Any], list[dict[str, Any]]]
"""What a scope has besides, and what the client says once it is accepted."""

WAYS: dict[str, Callable[[str], Handshake]] = {
    "a ticket": lambda token: ({"query_string": f"ticket={token}".encode()}, []),
    "the query": lambda token: ({"query_string": f"token={token}".encode()}, []),
    "a subprotocol": lambda token: ({"subprotocols": [SUBPROTOCOL, f"bearer.{token}"]}, []),
    "a header": lambda token: ({"headers": [(b"authorization", f"Bearer {token}".encode())]}, []),
    "the first frame": lambda token: ({}, [{"type": "authenticate", "data": {"token": token}}]),
}


@pytest.fixture
def nurse(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """Somebody with tokens for the board's audience alone."""
    monkeypatch.setattr(state.token_backend, "audience", AUDIENCE)
    yield User.objects.create_user("nurse")
    asyncio.run(books.close())


async def knock(scope: dict[str, Any], said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the server sends once it has accepted, up to its first frame or its close."""
    waiting: list[dict[str, Any]] = [{"type": "websocket.connect"}]
    waiting += [{"type": "websocket.receive", "text": json.dumps(frame)} for frame in said]
    sent: list[dict[str, Any]] = []
    is_answered = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not waiting:
            await is_answered.wait()
            return {"type": "websocket.disconnect", "code": 1000}
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] != "websocket.accept":
            is_answered.set()

    app = websocket_middleware(RealtimeConsumer.as_asgi())
    whole = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
    async with asyncio.timeout(10):
        await app({**whole, "subprotocols": [], **scope}, receive, send)
    return sent[1:]


@pytest.mark.parametrize(("make", "code"), FAULTS.values(), ids=FAULTS)
async def test_a_token_that_is_no_good_opens_no_socket_whichever_way_it_comes(
    nurse: User,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[User], str],
    code: int,
) -> None:
    token = await books.run(make, nurse)
    monkeypatch.setattr(hubs, "current", lambda: house.hub)

    found = {name: await knock(*way(token)) for name, way in WAYS.items()}

    closes = {name: [{"type": "websocket.close", "code": code}] for name in WAYS}
    # A token is no ticket, whosever it is.
    closes["a ticket"] = [{"type": "websocket.close", "code": 4401}]
    assert found == closes


async def test_the_same_token_without_a_fault_opens_one_in_every_way_but_as_a_ticket(
    nurse: User, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.access(nurse.pk)
    monkeypatch.setattr(hubs, "current", lambda: house.hub)

    found = {name: (await knock(*way(token)))[0]["type"] for name, way in WAYS.items()}

    assert found == dict.fromkeys(WAYS, "websocket.send") | {"a ticket": "websocket.close"}


@pytest.mark.parametrize("name", ["a deleted user", "an inactive user", "a blacklisted login"])
async def test_a_ticket_opens_nothing_for_whom_no_token_would(
    nurse: User, house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make, code = FAULTS[name]
    said = claims.claims_of(nurse, until=time.time() + 60)
    ticket = await books.run(tickets.issue, replace(said, issued_at=time.time() - 5))
    await books.run(make, nurse)
    monkeypatch.setattr(hubs, "current", lambda: house.hub)

    assert await knock(*WAYS["a ticket"](ticket)) == [{"type": "websocket.close", "code": code}]


PATHS = ("messages", "connections", "ticket", "broadcast", "schema/openapi.json")


@pytest.mark.parametrize("make", [make for make, _ in FAULTS.values()], ids=FAULTS)
def test_a_token_that_is_no_good_opens_no_rest_path(
    nurse: User, make: Callable[[User], str]
) -> None:
    header = {"Authorization": f"Bearer {make(nurse)}"}

    found = {
        (method, path): Client().generic(method, f"/api/ws/{path}", headers=header).status_code
        for path in PATHS
        for method in ("GET", "POST")
    }

    assert set(found.values()) == {401}

"""Credentials: where a handshake carries its token, and which tokens are any."""

import base64
from collections.abc import Iterable
from typing import Any

import jwt
import pytest
from django.conf import settings as project
from pytest_django import Settings

from scheduler_realtime import TokenRejected, close_codes
from scheduler_realtime.claims import Claims
from scheduler_realtime.handshake import Credential, credential_of
from scheduler_realtime.identity import verify
from tests.harness import tokens


def signed(algorithm: str = "HS256", **claims: Any) -> str:
    payload = jwt.decode(tokens.access(7), options={"verify_signature": False})
    return jwt.encode(payload | claims, project.SECRET_KEY, algorithm=algorithm)


def nested_header() -> str:
    header = base64.urlsafe_b64encode(b"[" * 30_000).decode()
    return f"{header}.e30.e30"


def without(claim: str) -> str:
    payload = jwt.decode(tokens.access(7), options={"verify_signature": False})
    del payload[claim]
    return jwt.encode(payload, project.SECRET_KEY, algorithm="HS256")


REJECTED = {
    "refresh": lambda: tokens.refresh(7),
    "expired": lambda: tokens.expired(7),
    "wrong key": lambda: tokens.wrong_key(7),
    "unsigned": lambda: tokens.unsigned(7),
    "another algorithm": lambda: signed("HS384"),
    "tampered": lambda: tokens.access(7)[:-4] + "AAAA",
    "no user": lambda: without("user_id"),
    "no type": lambda: without("token_type"),
    "no end": lambda: without("exp"),
    "user is a list": lambda: signed(user_id=[7]),
    "user is nobody": lambda: signed(user_id=None),
    "user is a flag": lambda: signed(user_id=True),
    "user is no text": lambda: signed(user_id="7\x00"),
    "empty": lambda: "",
    "garbage": lambda: "a.b.c",
    "no ASCII": lambda: "ü.ö.ä",
    "no text": lambda: "\ud800",
    "huge": lambda: "a" * 1_000_000,
    "nested": nested_header,
}


@pytest.mark.parametrize("make", REJECTED.values(), ids=REJECTED)
def test_whatever_is_no_valid_access_token_is_rejected(make: Any) -> None:
    with pytest.raises(TokenRejected) as refusal:
        verify(make())

    assert refusal.value.close_code == close_codes.UNAUTHENTICATED


def test_an_access_token_says_who_and_until_when() -> None:
    claims = verify(signed(exp=4_000_000_000, iat=5))

    assert claims == Claims(user_key="7", expires_at=4_000_000_000, password_mark=None, issued_at=5)


def scope(
    *, words: Iterable[str] = (), header: str | None = None, query: str = ""
) -> dict[str, Any]:
    headers = [] if header is None else [(b"host", b"x"), (b"authorization", header.encode())]
    return {"subprotocols": list(words), "headers": headers, "query_string": query.encode()}


@pytest.mark.parametrize(
    ("given", "token"),
    [
        (scope(), None),
        (scope(words=["scheduler.v1"]), None),
        (scope(words=["scheduler.v1", "bearer.a.b.c"]), "a.b.c"),
        (scope(header="Bearer a.b.c"), "a.b.c"),
        (scope(header="bearer  a.b.c "), "a.b.c"),
        (scope(header="Basic a"), None),
        (scope(query="token=a.b.c"), "a.b.c"),
        (scope(query="since=1&token=a%2Bb"), "a+b"),
        (scope(query="token="), None),
        (scope(query="%ff&&=;token"), None),
        (scope(words=["bearer.w"], header="Bearer h", query="token=q"), "w"),
        (scope(header="Bearer h", query="token=q"), "h"),
        ({}, None),
    ],
)
def test_a_credential_is_found_in_each_way_and_in_their_order(
    given: dict[str, Any], token: str | None
) -> None:
    assert credential_of(given) == (None if token is None else Credential(text=token))


def test_a_ticket_goes_before_whatever_else_there_is() -> None:
    given = scope(words=["bearer.w"], header="Bearer h", query="token=q&ticket=t%2Bt&ticket=u")

    assert credential_of(given) == Credential(text="t+t", is_ticket=True)


def test_a_token_in_the_query_is_none_where_that_is_turned_off(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"ALLOW_QUERY_TOKEN": False}

    assert credential_of(scope(query="token=a")) is None
    assert credential_of(scope(header="Bearer h", query="token=q")) == Credential(text="h")
    assert credential_of(scope(query="ticket=t")) == Credential(text="t", is_ticket=True)

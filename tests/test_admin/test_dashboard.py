"""The dashboard's own page: what it brings along, and the tickets it opens its socket with."""

import json
import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from scheduler_realtime import statistics, tickets
from scheduler_realtime.claims import mark_of_session
from scheduler_realtime.models import Ticket
from scheduler_realtime.routing import websocket_urlpatterns

from .conftest import Enter, page

PAGE = "scheduler_realtime/node/dashboard/"


def embedded(text: str, name: str) -> Any:
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', text)
    assert found
    return json.loads(found[1])


def test_the_page_brings_the_last_minutes_along(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = [{"taken_at": "2026-01-15T10:30:00Z", "connections": 7, "p95": None}]
    monkeypatch.setattr(statistics, "history", lambda minutes: past if minutes == 15 else [])

    text = page(enter("view_statistics"), PAGE)

    assert embedded(text, "dashboard-history") == past
    assert embedded(text, "dashboard-texts")["live"] == "Live"


def test_the_page_knows_where_the_socket_is(enter: Enter) -> None:
    found = re.search(r'data-socket="/([^"]+)"', page(enter("view_statistics"), PAGE))

    assert found
    assert websocket_urlpatterns[0].pattern.match(found[1])


def test_a_ticket_is_of_the_sessions_user_and_ends_with_the_session(enter: Enter) -> None:
    client = enter("view_statistics")

    answer = client.post(f"/admin/{PAGE}ticket/")

    assert answer.status_code == 201
    claims = tickets.redeem([answer.json()["ticket"]])[answer.json()["ticket"]]
    assert str(claims.user_key) == client.session["_auth_user_id"]
    ends = Session.objects.get().expire_date.timestamp()
    assert claims.expires_at == pytest.approx(ends, abs=60)
    assert claims.session_mark == mark_of_session(client.session.session_key)
    assert "no-store" in answer["Cache-Control"]


def test_a_ticket_takes_the_permission_a_post_and_the_forms_token(enter: Enter) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = enter("view_statistics").cookies

    refused = [
        enter("view_node", username="bob").post(f"/admin/{PAGE}ticket/"),
        strict.get(f"/admin/{PAGE}ticket/"),
        strict.post(f"/admin/{PAGE}ticket/"),
    ]

    assert [answer.status_code for answer in refused] == [403, 405, 403]
    assert not Ticket.objects.exists()

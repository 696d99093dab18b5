"""Broadcasting over REST: what is asked for reaches its receivers, and what is refused nobody."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.site import Answer, Site

pytestmark = pytest.mark.servers

NOTE = {"type": "system_notification", "data": {"title": "t", "message": "m"}}
ALERT = {
    "type": "emergency_alert",
    "data": {
        "emergency_id": "e",
        "emergency_type": "fire",
        "priority": "high",
        "description": "d",
    },
}
NOTICE = {"title": "t", "message": "m"}

COUNT = "print(Message.objects.count())"


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    embedded_site.shell(GRANT)
    yield embedded_site
    assert "Traceback" not in embedded_site.server.log_text()[before:]


GRANT = """
from django.contrib.auth.models import Permission
User.objects.get(username="scheduler").user_permissions.add(
    Permission.objects.get(codename="broadcast_message")
)
"""


def send(site: Site, body: Any, who: str | None = "admin", path: str = "broadcast") -> Answer:
    return site.request("POST", f"/api/ws/{path}", who=who, body=body)


async def test_a_broadcast_is_answered_by_its_envelope_and_heard(site: Site) -> None:
    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        answer = await asyncio.to_thread(send, site, NOTE)
        heard = await ear.next("system_notification")

    assert answer.status == 201
    assert answer.body["id"] is None
    assert answer.body["key"] == heard["key"]
    assert answer.body["user_id"] == heard["user_id"] == site.user_id("admin")
    assert answer.body["data"] == heard["data"]
    assert answer.body["timestamp"] == heard["timestamp"]


async def test_only_the_named_users_and_roles_hear_it(site: Site) -> None:
    body = NOTE | {"users": [site.user_id("surgeon")], "roles": ["nurse"], "ack_required": True}
    async with (
        site.listen("nurse") as one,
        site.listen("surgeon") as two,
        site.listen("viewer") as three,
    ):
        for ear in (one, two, three):
            await ear.next("welcome")
        await asyncio.to_thread(send, site, body)
        heard = [await ear.next("system_notification") for ear in (one, two)]
        others = await three.drain_by_asking()

    assert [frame["data"]["ack_required"] for frame in heard] == [True, True]
    assert not [frame for frame in others if frame["type"] == "system_notification"]


async def test_a_notification_is_sent_by_its_own_path(site: Site) -> None:
    items = [{"label": "Show", "url": "/"}]
    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        body = NOTICE | {"severity": "warning", "action_items": items}
        answer = await asyncio.to_thread(send, site, body, path="notify/system")
        heard = await ear.next("system_notification")

    assert answer.status == 201
    assert heard["data"]["severity"] == "warning"
    assert heard["data"]["action_items"] == items


async def test_a_tick_of_progress_has_no_key_and_is_heard(site: Site) -> None:
    data = {"optimization_id": "o", "progress_percentage": 1.0}
    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        body = {"type": "optimization_progress", "data": data}
        first = await asyncio.to_thread(send, site, body)
        tick = await asyncio.to_thread(send, site, body)
        heard = [await ear.next("optimization_progress") for _ in range(2)]

    assert "key" in first.body
    assert (tick.status, tick.body["id"], "key" in tick.body) == (201, None, False)
    assert {"key" in frame for frame in heard} == {True, False}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"type": "system_notification"}, "data"),
        (NOTE | {"type": "nonsense"}, "type"),
        (NOTE | {"type": "user_presence"}, "type"),
        (NOTE | {"type": "receipt_update"}, "type"),
        (NOTE | {"type": "resync"}, "type"),
        (NOTE | {"data": []}, "data"),
        (NOTE | {"data": {"title": "t"}}, "data.message"),
        (NOTE | {"data": {"title": "t", "message": "m", "severity": "loud"}}, "data.severity"),
        (NOTE | {"data": NOTICE | {"action_items": [{"label": "l", "url": "javascript:x"}]}}, None),
        (NOTE | {"data": NOTICE | {"title": "\x00"}}, "data.title"),
        (NOTE | {"users": [10**6]}, "users"),
        (NOTE | {"users": ["nobody"]}, "users"),
        (NOTE | {"users": [2**70]}, "users"),
        (NOTE | {"users": [True]}, "users"),
        (NOTE | {"users": 7}, "users"),
        (NOTE | {"users": list(range(1, 10_002))}, "users"),
        (NOTE | {"roles": ["nobody"]}, "roles"),
        (NOTE | {"roles": "nurse"}, "roles"),
        (NOTE | {"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        (NOTE | {"expires_at": "soon"}, "expires_at"),
        (NOTE | {"ack_required": "perhaps"}, "ack_required"),
        (NOTE | {"data": NOTICE | {"title": "x" * 70_000}}, "detail"),
        ([NOTE], "non_field_errors"),
    ],
)
def test_what_is_wrong_is_said_by_field_and_nothing_is_stored(
    site: Site, body: Any, field: str | None
) -> None:
    before = site.shell(COUNT)

    answer = send(site, body)

    assert answer.status == 400
    assert all(isinstance(said, list | dict) for said in answer.body.values())
    assert field is None or set(answer.body) == {field}
    assert site.shell(COUNT) == before


@pytest.mark.parametrize("body", [{}, {"title": "t"}, NOTICE | {"severity": "loud"}])
def test_a_notification_is_checked_as_well(site: Site, body: dict[str, Any]) -> None:
    assert send(site, body, path="notify/system").status == 400


def test_an_unknown_receiver_is_named(site: Site) -> None:
    body = NOTE | {"users": [site.user_id("nurse"), 424_242], "roles": ["nurse", "barber"]}

    answer = send(site, body)

    assert answer.body == {
        "users": ["There is no user 424242."],
        "roles": ["There is no role 'barber'."],
    }


def test_nobody_sends_without_the_permission(site: Site) -> None:
    for path, body in (("broadcast", NOTE), ("notify/system/", NOTICE)):
        assert send(site, body, None, path).status == 401
        assert send(site, body, "nurse", path).status == 403
        assert send(site, body, "scheduler", path).status == 201


def test_an_alert_takes_a_permission_of_its_own(site: Site) -> None:
    before = site.shell(COUNT)

    forged = send(site, ALERT, "scheduler")
    stored = site.shell(COUNT)
    meant = send(site, ALERT, "admin")

    assert (forged.status, stored) == (403, before)
    assert meant.status == 201
    assert meant.body["data"]["ack_required"] is True


def test_anothers_name_takes_the_permission_to_alert(site: Site) -> None:
    body = NOTE | {"user_id": site.user_id("nurse")}
    before = site.shell(COUNT)

    forged = send(site, body, "scheduler")
    stored = site.shell(COUNT)
    meant = send(site, body, "admin")
    own = send(site, NOTE | {"user_id": str(site.user_id("scheduler"))}, "scheduler")

    assert (forged.status, stored) == (403, before)
    assert (meant.status, meant.body["user_id"]) == (201, site.user_id("nurse"))
    assert (own.status, own.body["user_id"]) == (201, site.user_id("scheduler"))


@pytest.mark.parametrize("user_id", [10**6, "nobody", "\x00", True])
def test_a_name_that_is_nobodys_is_refused(site: Site, user_id: Any) -> None:
    answer = send(site, NOTE | {"user_id": user_id})

    assert (answer.status, set(answer.body)) == (400, {"user_id"})


def send_in_chunks(site: Site, body: Any) -> int:
    headers = {
        "Authorization": f"Bearer {site.token('admin')}",
        "Content-Type": "application/json",
    }
    text = json.dumps(body).encode()
    chunks = (text[start : start + 10_000] for start in range(0, len(text), 10_000))
    line = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=15)
    with contextlib.closing(line):
        line.request("POST", "/api/ws/broadcast", chunks, headers, encode_chunked=True)
        return line.getresponse().status


def test_a_body_whose_length_is_not_said_is_read_up_to_the_bound(site: Site) -> None:
    before = int(site.shell(COUNT))

    large = send_in_chunks(site, NOTE | {"data": NOTICE | {"title": "x" * 70_000}})
    refused = int(site.shell(COUNT))
    small = send_in_chunks(site, NOTE)

    assert (large, refused) == (400, before)
    assert (small, int(site.shell(COUNT))) == (201, before + 1)


async def test_what_the_binding_protects_is_protected_whoever_tells_it(site: Site) -> None:
    changes = {"status": "delayed", "patient_name": "Rosa Secret"}
    data = {"action": "update", "model": "scheduling.surgery", "surgery_id": 1, "changes": changes}
    async with site.listen("viewer") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(send, site, {"type": "schedule_update", "data": data})
        heard = await ear.next("schedule_update")

    assert heard["data"]["changes"] == {"status": "delayed"}


def test_another_content_type_is_refused(site: Site) -> None:
    headers = {"Content-Type": "text/plain"}

    answer = site.request("POST", "/api/ws/broadcast", who="admin", body=NOTE, headers=headers)

    assert answer.status == 415

"""Frames of a real server: each kind there is, judged by the listener as it is heard."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scheduler_realtime.audience import EVERYONE
from scheduler_realtime.frames import text_for
from scheduler_realtime.messages import EmergencyAlert
from scheduler_realtime.schemas import examples, shapes
from tests.conftest import OpenEmbedded
from tests.harness import frame_schema
from tests.harness.house import row
from tests.harness.listener import Listener
from tests.harness.site import Site

OF_EVERY_KIND = """
from django.db import transaction
from scheduler_realtime import *
from scheduler_realtime.models import Log

send_system_notification(title="t", message="m", ack_required=True, action_items=[
    {"label": "Show", "url": "/"}
])
broadcast_conflict_notification(
    conflict_id="c", conflict_type="room_overlap", severity="critical", description="d",
    affected_surgeries=[1, "2"], suggested_actions=["Reschedule"],
)
broadcast_emergency_alert(
    emergency_id="e", emergency_type="trauma", priority="immediate", description="d",
    patient_name="Rosa Secret",
)
for percentage, status in ((0, "queued"), (50.5, "running"), (100, "completed")):
    broadcast_optimization_progress(
        optimization_id="o", progress_percentage=percentage, status=status, current_iteration=1,
        total_iterations=2, current_score=85.5, best_score=90.2, time_elapsed=30.0,
    )
surgery = Surgery.objects.first()
surgery.notes = "changed"
surgery.save()
Surgery.objects.update(notes="all")
surgery.pk = None
surgery.save()
surgery.delete()
broadcast_resync()
"""

BAD = ["{", '{"type": "nonsense"}', '{"type": "ack", "data": {}}', '{"type": "authenticate"}']


@pytest.fixture
def site(embedded: OpenEmbedded) -> Site:
    """A server that thinks its log stale whenever it did not look a moment ago."""
    env = {"WEBSOCKET_STALE_AFTER": "0.05", "WEBSOCKET_BULK_THRESHOLD": "2"}
    return embedded("uvicorn", env=env)


async def provoke(site: Site, ear: Listener, start: dict[str, Any]) -> None:
    position, seat = start["position"], start["connection_id"]
    await asyncio.to_thread(site.shell, OF_EVERY_KIND)
    await asyncio.to_thread(
        site.shell, f"from scheduler_realtime import orders; orders.canary({seat!r})"
    )
    await ear.next("canary")
    alert = await ear.next("emergency_alert")
    await ear.ask("heartbeat", {"current_page": "/schedule", "position": position})
    await ear.ask("ack", {"ids": [alert["id"], 10**9]})
    await ear.next("receipt_update")
    await ear.ask("presence")
    await ear.ask("authenticate", {"token": site.token("nurse")})
    await ear.ask("authenticate", {"token": "no token"})
    await ear.ask("subscribe", {"rooms": [1, "2"], "types": ["schedule_update"]})
    await ear.ask("cancel_optimization", {"optimization_id": "o"})
    for text in BAD:
        await ear.send_raw(text)
    for _ in range(4):
        await ear.next("error")
    for type_ in ("resync", "line"):
        await ear.next(type_)


async def test_each_frame_there_is_comes_from_a_real_server_as_the_schema_says(site: Site) -> None:
    short = site.token("nurse", lifetime=timedelta(seconds=50))
    async with Listener.open(site.server, token=short) as ear:
        start = (await ear.next("welcome"))["data"]
        await ear.next("token_expiring")
        await provoke(site, ear, start)
    params = {"since": start["position"], "epoch": start["epoch"]}
    async with site.listen("viewer", params=params) as later:
        await later.next("caught_up")
    async with site.listen("viewer", params={"since": "soon"}) as lost:
        await lost.next("resync")
    async with site.listen("admin") as watcher:
        await watcher.ask("subscribe", {"types": ["statistics"]})
        await watcher.next("statistics")

    heard = [frame for each in (ear, later, lost, watcher) for frame in each.frames]
    assert {frame["type"] for frame in heard} == {frame.type for frame in shapes.heard()}
    assert {frame["data"]["action"] for frame in heard if frame["type"] == "schedule_update"} == {
        "create",
        "update",
        "delete",
        "bulk",
    }


def test_a_frame_that_is_not_in_its_place_fits_as_well() -> None:
    alert = EmergencyAlert.checked(examples.SEED["emergency_alert"])
    body = json.dumps(alert.model_dump())
    message = replace(row(3, EmergencyAlert.type, body=body), protected=frozenset({"patient_name"}))

    for mark in ("early", "redelivered", None):
        for is_cleared in (True, False):
            text = text_for(message, groups=frozenset({EVERYONE}), is_cleared=is_cleared, mark=mark)
            frame_schema.judge(json.loads(text or ""))


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 0},
        {"id": None},
        {"timestamp": "noon"},
        {"key": "k"},
        {"data": {}},
        {"early": True},  # with an `id`
    ],
)
def test_what_is_not_so_is_found(wrong: dict[str, Any]) -> None:
    frame = examples.heard("emergency_alert") or {}
    frame_schema.judge(frame)

    with pytest.raises(ValueError, match="outside the schema"):
        frame_schema.judge(frame | wrong)

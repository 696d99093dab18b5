"""What both controls share: a socket that speaks enough of the protocol for the suite's clients."""

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import models

from scheduler_realtime.conf import conf

LABEL = "faults.case"


def body_of(instance: Any, action: str) -> dict[str, Any]:
    """The payload of one change, as the addon has it."""
    values = {"token": instance.token}
    return {
        "model": LABEL,
        "surgery_id": instance.pk,
        "action": action,
        "changes": {} if action == "delete" else values,
        "previous": values if action == "delete" else {},
    }


def listen(on_saved: Any, on_deleted: Any) -> None:
    """Hear of every saved and deleted case."""
    models.signals.post_save.connect(on_saved, sender="faults.Case", weak=False)
    models.signals.post_delete.connect(on_deleted, sender="faults.Case", weak=False)


class Socket(AsyncJsonWebsocketConsumer):
    """Accepts, says `welcome`, and answers heartbeats."""

    position = 0

    async def connect(self) -> None:
        self.groups_heard = self.scope["realtime_identity"].groups
        await self.accept("scheduler.v1")
        await self.begin()

    async def begin(self) -> None:
        """What there is to do once the socket is open."""
        await self.say_welcome(recovered=None)

    async def say_welcome(self, *, recovered: bool | None) -> None:
        facts = {
            "heartbeat_interval": conf().HEARTBEAT_INTERVAL,
            "epoch": "control",
            "position": self.position,
            "recovered": recovered,
            "reason": None,
        }
        await self.send_json({"type": "welcome", "data": facts})

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        answer = {"type": "heartbeat_ack", "data": {"position": self.position}}
        await self.send_json(answer)

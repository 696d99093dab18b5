"""The control that everybody writes first: `group_send` from `post_save`, and nothing else."""

from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from tests.faults.controls import sockets


def connect() -> None:
    """Send to the groups of a case's audience, whenever it was saved or deleted."""
    sockets.listen(_on_saved, _on_deleted)


def _on_saved(instance: Any, created: bool, **kwargs: Any) -> None:
    _send(instance, "create" if created else "update")


def _on_deleted(instance: Any, **kwargs: Any) -> None:
    _send(instance, "delete")


def _send(instance: Any, action: str) -> None:
    layer = get_channel_layer()
    assert layer is not None
    message = {"type": "changed", "body": sockets.body_of(instance, action)}
    for word in instance.audience.split():
        async_to_sync(layer.group_send)(word.replace(":", "."), message)


class Socket(sockets.Socket):
    async def begin(self) -> None:
        assert self.channel_layer is not None
        for group in self.groups_heard:
            await self.channel_layer.group_add(group, self.channel_name)
        await super().begin()

    async def changed(self, event: dict[str, Any]) -> None:
        await self.send_json({"type": "schedule_update", "data": event["body"]})

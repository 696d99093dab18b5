"""The control that looks right: messages in a table, read by `id > cursor`."""

import asyncio
import contextlib
import json
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.db import connection

from tests.faults.controls import sockets

INTERVAL = 0.1
"""Seconds between two looks of a socket."""

SQL = "CREATE TABLE faults_told (id bigserial PRIMARY KEY, audience text, body text)"


def connect() -> None:
    """Insert a message, in the writer's transaction, whenever a case was saved or deleted."""
    sockets.listen(_on_saved, _on_deleted)


def _on_saved(instance: Any, created: bool, **kwargs: Any) -> None:
    _insert(instance, "create" if created else "update")


def _on_deleted(instance: Any, **kwargs: Any) -> None:
    _insert(instance, "delete")


def _insert(instance: Any, action: str) -> None:
    body = json.dumps(sockets.body_of(instance, action))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO faults_told (audience, body) VALUES (%s, %s)", [instance.audience, body]
        )


@database_sync_to_async
def _read(sql: str, *values: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


class Socket(sockets.Socket):
    polling: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        since = parse_qs(self.scope["query_string"].decode()).get("since")
        if since is None:
            last = await _read("SELECT coalesce(max(id), 0) FROM faults_told")
            self.position = last[0][0]
        else:
            self.position = int(since[0])
        await self.say_welcome(recovered=None if since is None else True)
        self.polling = asyncio.create_task(self._poll(is_resuming=since is not None))

    async def _poll(self, *, is_resuming: bool) -> None:
        while True:
            rows = await _read(
                "SELECT id, audience, body FROM faults_told WHERE id > %s ORDER BY id",
                self.position,
            )
            for position, audience, body in rows:
                await self._hand_over(position, audience, body)
            if is_resuming:
                is_resuming = False
                await self.send_json({"type": "caught_up", "data": {"position": self.position}})
            await asyncio.sleep(INTERVAL)

    async def _hand_over(self, position: int, audience: str, body: str) -> None:
        if not self.groups_heard.isdisjoint(audience.replace(":", ".").split()):
            frame = {"type": "schedule_update", "id": position, "data": json.loads(body)}
            await self.send_json(frame)
        self.position = position

    async def disconnect(self, code: int) -> None:
        if self.polling is not None:
            self.polling.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self.polling

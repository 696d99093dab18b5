"""A seat: one socket as attendance keeps it, from its first moment to its last."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from dataclasses import dataclass, field

from . import clock
from .connection import Connection
from .presence import Device, Socket


@dataclass(slots=True, eq=False)
class Seat:
    """`visit` names its user's stay, should one begin with it; `taken_at` is by the database's clock.

    `written_at`, by the loop's, is when it was last written that the client was heard of.
    """

    connection: Connection
    device: Device
    written_at: float
    visit: uuid.UUID = field(default_factory=uuid.uuid4)
    taken_at: dt.datetime = field(default_factory=clock.now)

    def socket(self) -> Socket:
        """What is to be written of it now."""
        connection, now = self.connection, asyncio.get_running_loop().time()
        return Socket(
            id=connection.id,
            visit=self.visit,
            user_id=connection.identity.user_id,
            username=connection.identity.username,
            roles=connection.identity.roles,
            connected_at=self.taken_at,
            last_seen_at=clock.now() - dt.timedelta(seconds=now - connection.heard_at),
            current_page=connection.current_page,
            active_schedule_date=connection.active_schedule_date,
            device=self.device,
        )

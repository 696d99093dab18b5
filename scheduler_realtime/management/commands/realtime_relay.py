"""`manage.py realtime_relay`: a relay without sockets, for hosts whose web processes have none."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from scheduler_realtime import hub


class Command(BaseCommand):
    """Gives positions to what is committed until SIGTERM or Ctrl-C."""

    help = (
        "Run a relay without sockets. Every ASGI process has one of its own; this is for hosts"
        " that write from WSGI workers and commands alone, or want one that is never busy."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(self._relay())

    async def _relay(self) -> None:
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        house = hub.current()
        await house.road.ready.wait()
        self.stdout.write(f"Relaying from position {house.road.position}.")
        self.stdout.flush()
        await ended.wait()
        await house.stop()

"""`simulate`: changes one of today's surgeries every few seconds, until it is stopped."""

import os
import random
import sys
from threading import Event, Thread
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.utils import timezone

from project.scheduling import seed, simulation


class Command(BaseCommand):
    requires_system_checks = []
    help = "Moves, starts and finishes today's surgeries, one every few seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--interval", type=float, default=4, help="seconds between two steps")
        parser.add_argument(
            "--until-eof",
            action="store_true",
            help="end when standard input closes, as it does when the process that holds it ends",
        )

    def handle(self, *args: Any, interval: float, until_eof: bool, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("simulate makes things up, so it needs DEBUG on (DJANGO_DEBUG=1).")
        ended = Event()
        if until_eof:
            Thread(target=wait_for_eof, args=[ended], daemon=True).start()
        rng = random.Random()  # noqa: S311 - plausible moves, not secrets
        while not ended.wait(interval):
            self.step(rng)

    def step(self, rng: random.Random) -> None:
        try:
            seed.open_day(timezone.localdate())
            simulation.step(rng)
        except DatabaseError as error:
            # Somebody deleted the surgery meanwhile, or the database is away: the next may do.
            self.stderr.write(f"The simulation skipped a step: {error}")
            connection.close()


def wait_for_eof(ended: Event) -> None:
    """Sets the event once nobody can write to standard input any more."""
    # Not `sys.stdin.read()`: a thread that sits on its lock aborts the interpreter's shutdown.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    ended.set()

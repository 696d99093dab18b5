"""`manage.py realtime_epoch`: which log this is, and `--new` after a restore that nobody could see."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from scheduler_realtime import doorbell, files, log


class Command(BaseCommand):
    """Prints where the log stands; with `--new`, tells every client to read its data afresh."""

    help = (
        "Print the log's epoch, head and floor, and the database it lives in. With --new, give it a"
        " new epoch: every client reads its data afresh, at once where it is connected, else when"
        " it comes back. Do so after a restore that the servers could not see by themselves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--new", action="store_true", help="Give the log a new epoch.")

    def handle(self, *args: Any, new: bool, **options: Any) -> None:
        try:
            files.leave_replaced()
            seen = log.look()
            if new:
                self._renew(seen)
                seen = log.look()
        except Error as error:
            raise CommandError(f"The log cannot be read. Is it migrated? {error}") from None
        self._print(seen)

    def _renew(self, seen: log.Sighting) -> None:
        log.renew_epoch(home=seen.home)
        doorbell.wake()
        self.stdout.write(
            f"The epoch is no longer {seen.state.epoch}. Every client is told to read its data"
            " afresh: who is connected within a second, the others when they come back."
        )

    def _print(self, seen: log.Sighting) -> None:
        state = seen.state
        self.stdout.write(f"epoch {state.epoch}\nhead  {state.head}\nfloor {state.floor}")
        self.stdout.write(f"home  {seen.last_home or 'not known yet'}")
        if seen.is_moved:
            self.stdout.write(f"now   {seen.home}: a server that starts here gives it a new epoch.")

"""`manage.py realtime_conflicts`: looks a day over for conflicts, after writes nothing here could see."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from scheduler_realtime import conflicts


class Command(BaseCommand):
    """Opens and resolves what the day's rows say, and tells it, as after a change of each."""

    help = (
        "Look a day over for conflicts: after writes past Django, or once a binding says more"
        " than before. What is new is told, and what is over, once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--date", type=_day, help="YYYY-MM-DD in the project's TIME_ZONE; today by default"
        )
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        day = options["date"] or timezone.localdate(timezone=timezone.get_default_timezone())
        seekers = conflicts.seekers()
        if not seekers:
            raise CommandError(
                "Nothing is looked for: no binding says what is taken from when to when, or"
                " SCHEDULER_REALTIME['CONFLICTS'] is False."
            )
        total = conflicts.Difference()
        for seeker in seekers:
            keys = conflicts.keys_of_day(seeker, day)
            total += conflicts.recompute(seeker, keys, is_dry=dry_run)
        would = "would be " if dry_run else ""
        self.stdout.write(
            f"{day}: {total.opened} {would}opened, {total.resolved} {would}resolved,"
            f" {total.held} open as before."
        )


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--date: {text!r} is not a day; write YYYY-MM-DD.") from None

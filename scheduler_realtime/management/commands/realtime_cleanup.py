"""`manage.py realtime_cleanup`: removes at once what hubs remove in their rounds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error

from scheduler_realtime import files
from scheduler_realtime.cleanup import clean_up
from scheduler_realtime.management.operators import OperatorsCommand


class Command(OperatorsCommand):
    """Prints how many of each were removed."""

    help = (
        "Remove what nobody needs any more: the rows of processes and sockets that are gone, users"
        " who left, messages beyond MESSAGE_HISTORY_SIZE, MESSAGE_MIN_AGE and MESSAGE_RETENTION,"
        " unused tickets, old samples. Running servers do this by themselves every few seconds;"
        " it helps where none runs, and may run beside them at any time."
    )

    manual = """\
Exit code: 0 done; 1 not everything was removed, as the text says; 2 called wrongly.

  */10 * * * *  manage.py realtime_cleanup > /dev/null
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        try:
            files.leave_replaced()
            removed = asdict(clean_up())
        except Error as error:
            raise CommandError(
                f"Not everything was removed: {error} Run it again once the database is well."
            ) from None
        self.stdout.write(_as_json(removed) if json else _as_lines(removed))


def _as_json(removed: dict[str, int]) -> str:
    return json.dumps(removed)


def _as_lines(removed: dict[str, int]) -> str:
    return "\n".join(f"{count:>8} {name.replace('_', ' ')}" for name, count in removed.items())

"""`manage.py realtime_doctor`: what is wrong between a save and a socket, and how to mend it."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.management.base import CommandError, CommandParser

from scheduler_realtime import terminal
from scheduler_realtime.doctor import Finding, Wishes, examine
from scheduler_realtime.handshake import PATH
from scheduler_realtime.management import pipes, words
from scheduler_realtime.management.operators import OperatorsCommand

STYLES: Final = {
    "ok": "SUCCESS",
    "slow": "WARNING",
    "failed": "ERROR",
    "skipped": "HTTP_NOT_MODIFIED",
}

SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


class Command(OperatorsCommand):
    """Prints what was found at each station as it is found."""

    help = (
        "Look at settings, database, migrations, clock, channel layer and servers; then send a"
        " canary through a transaction, a relay, the doorbell and, with --url, a server's socket."
        " Each station is timed, and what is wrong comes with its remedy."
    )
    manual = """\
Exit code: 0 nothing failed; 1 something did; 2 called wrongly. It is safe at any time: it writes
one row that no client hears. The server at --url gets a ticket of the visitor and, where it does
not take that, a token; both end after 30 s. So name only servers of your own. Those who see who is
here see the visitor come and go.

  manage.py realtime_doctor --url ws://127.0.0.1:8000
  manage.py realtime_doctor --url wss://board.example/api/ws/ws --origin https://board.example
"""
    # A project that does not pass them is what a doctor is called for.
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url",
            help=f"The socket to visit; {PATH}, if no path is given. Without it, none is visited.",
        )
        parser.add_argument(
            "--user", help="Who visits: a user name or primary key; a superuser, if not said."
        )
        parser.add_argument(
            "--origin", help="The page the visitor comes from, as a browser would say it."
        )
        parser.add_argument(
            "--timeout", type=float, default=5.0, metavar="SECONDS", help="For each station; 5."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["timeout"] > 0:
            raise words.misused("--timeout is a number of seconds above 0.")
        wishes = Wishes(
            url=None if options["url"] is None else _socket_at(options["url"]),
            user=options["user"],
            origin=options["origin"],
            within=options["timeout"],
        )
        pipes.take_any_text()
        before = logging.root.manager.disable
        logging.disable()  # what the rooms would log on the way is in the findings, in words
        try:
            found = asyncio.run(self._examine(wishes, is_quiet=options["json"]))
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=130) from None
        finally:
            logging.disable(before)
        failed = [each.station for each in found if each.state == "failed"]
        if options["json"]:
            whole = {"ok": not failed, "stations": [asdict(each) for each in found]}
            self.stdout.write(json.dumps(whole))
        if failed:
            raise CommandError(f"Not well: {', '.join(failed)}.")

    async def _examine(self, wishes: Wishes, *, is_quiet: bool) -> list[Finding]:
        found: list[Finding] = []
        async for each in examine(wishes):
            found.append(each)
            if not is_quiet:
                self._show(each)
        return found

    def _show(self, found: Finding) -> None:
        style = getattr(self.style, STYLES[found.state])
        took = "" if found.ms is None else f"{found.ms:.0f} ms"
        says = terminal.escaped(found.says)
        self.stdout.write(f"{found.station:<11} {style(f'{found.state:<7}')} {took:>8}  {says}")
        if found.remedy:
            self.stdout.write(f"{'':<30}-> {terminal.escaped(found.remedy)}")
        self.stdout.flush()


def _socket_at(url: str) -> str:
    """The URL of a socket, where that of the site was given."""
    parts = urlsplit(url if "://" in url else f"ws://{url}")
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise words.misused(f"{url!r} is no URL of a socket: write ws://127.0.0.1:8000{PATH}.")
    path = parts.path if parts.path.strip("/") else PATH
    return parts._replace(scheme=SCHEMES[parts.scheme], path=path, fragment="").geturl()

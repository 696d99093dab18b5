"""`manage.py realtime_tail`: the log in a terminal, as it grows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import Error
from django.utils import timezone

from scheduler_realtime import following, log, terminal
from scheduler_realtime.audience import role_group
from scheduler_realtime.exceptions import HistoryGap
from scheduler_realtime.following import Gap, Heard, Outage, Recovery, Sieve
from scheduler_realtime.identity import identity_of
from scheduler_realtime.log import Place, Row
from scheduler_realtime.management import pipes, words
from scheduler_realtime.management.operators import OperatorsCommand
from scheduler_realtime.members import meant_by
from scheduler_realtime.messages import RESYNC, envelope
from scheduler_realtime.wire import dumps

LAST: Final = 10

STYLES: Final = {"emergency_alert": "ERROR", "conflict_notification": "WARNING", RESYNC: "NOTICE"}
"""The colours of Django's own commands, by message type."""


class Command(OperatorsCommand):
    """Prints what was told last, then what is told, until Ctrl-C."""

    help = (
        "Follow the log: the last messages, then each one as it gets its position. Shows position,"
        " time, type, who caused it > to whom it goes, and what it says."
    )
    manual = """\
Filters of one kind add up, those of different kinds must all fit. Exit code: 0 ended, also by
Ctrl-C; 1 the log cannot be read, or --since lies beyond its end; 2 called wrongly.

  manage.py realtime_tail --type emergency_alert --last 50
  manage.py realtime_tail --to anna                     what anna may hear
  manage.py realtime_tail --since 812 --no-follow --json | jq .data
"""

    def add_arguments(self, parser: CommandParser) -> None:
        start = parser.add_mutually_exclusive_group()
        start.add_argument(
            "--last",
            type=_whole_number,
            default=LAST,
            metavar="N",
            help=f"Begin with the last N messages; {LAST}, if not said.",
        )
        start.add_argument(
            "--since", type=_whole_number, metavar="POSITION", help="Begin behind this position."
        )
        _add_filters(parser)
        parser.add_argument("--json", action="store_true", help="One envelope a line, as JSON.")
        parser.add_argument("--no-follow", action="store_true", help="End when all was shown.")
        parser.add_argument(
            "--protected",
            action="store_true",
            help="Show protected fields too, such as patients' names. They are left out otherwise,"
            " as for users without view_patient_details: whoever sees this terminal may read them.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.is_json, self.is_cleared = options["json"], options["protected"]
        pipes.take_any_text()
        try:
            sieve = _sieve(options)
            self._follow(self._begin(options, sieve), sieve, options)
        except HistoryGap:
            raise CommandError(
                f"The log ends before position {options['since']}. If it was longer once, it was"
                " restored: begin with --last instead."
            ) from None
        except Error as error:
            raise CommandError(
                f"The log cannot be read: {error} Is it migrated? `manage.py realtime_doctor` looks."
            ) from None
        except KeyboardInterrupt:
            return
        except BrokenPipeError:
            pipes.give_up()

    def _begin(self, options: dict[str, Any], sieve: Sieve) -> Place:
        if options["since"] is not None:
            return following.behind(options["since"])
        rows, place = following.latest(options["last"], sieve)
        for row in rows:
            self._show(row)
        return place

    def _follow(self, place: Place, sieve: Sieve, options: dict[str, Any]) -> None:
        pause = None if options["no_follow"] else pipes.wait
        for heard in following.follow(place, pause=pause):
            if not isinstance(heard, Row) or sieve.lets_through(heard):
                self._show(heard)

    def _show(self, heard: Heard) -> None:
        match heard:
            case Row() if self.is_json:
                self.stdout.write(terminal.json_line(heard, is_cleared=self.is_cleared))
            case Row():
                style = getattr(self.style, STYLES.get(heard.type, ""), str)
                self.stdout.write(style(terminal.line(heard, is_cleared=self.is_cleared)))
            case Gap():
                self._show_gap(heard)
            case Outage():
                said = terminal.escaped(heard.error)
                self.stderr.write(f"The database is out; trying again until it is back. {said}")
            case Recovery():
                self.stderr.write("The database is back.")
        self.stdout.flush()

    def _show_gap(self, gap: Gap) -> None:
        """In JSON as a socket has it: everything that was known has to be read afresh."""
        if self.is_json:
            data = {"reason": gap.reason, "epoch": gap.epoch, "position": gap.position}
            self.stdout.write(dumps(envelope(RESYNC, data, timestamp=timezone.now())))
        elif gap.reason == "trimmed":
            said = f"-- A gap: the log was trimmed up to position {gap.position}; going on there."
            self.stdout.write(self.style.NOTICE(said))
        else:
            said = (
                f"-- The log is another one ({gap.reason.replace('_', ' ')}): restored, or given"
                f" the new epoch {gap.epoch}. Going on at its position {gap.position}."
            )
            self.stdout.write(self.style.NOTICE(said))


def _whole_number(text: str) -> int:
    number = int(text)
    if not 0 <= number <= log.MOST:
        raise ValueError
    return number


def _add_filters(parser: CommandParser) -> None:
    for name, metavar, meaning in (
        ("--type", "TYPE", "is of this type"),
        ("--user", "USER", "was caused by this user, by name or primary key"),
        ("--role", "ROLE", "is addressed to this role"),
        ("--to", "USER", "this user may hear, by whatever role"),
        ("--room", "ROOM", "is about this room, by primary key or text"),
    ):
        parser.add_argument(
            name,
            action="append",
            default=[],
            metavar=metavar,
            help=f"Only what {meaning}. May be repeated.",
        )
    parser.add_argument(
        "--all", action="store_true", help="Show orders to the servers too, which no client hears."
    )


def _sieve(options: dict[str, Any]) -> Sieve:
    return Sieve(
        types=frozenset(options["type"]),
        actors=frozenset(_actors(options["user"])),
        groups=frozenset(map(role_group, words.known_roles(options["role"]))),
        ears=tuple(identity_of(user).listener for user in words.people(options["to"])),
        rooms=frozenset(options["room"]),
        with_orders=options["all"],
    )


def _actors(named: Iterable[str]) -> Iterable[str]:
    """As the log has them: keys. Whoever was deleted, or was never a user, is there as written."""
    for word in named:
        yield word
        yield from (str(user.pk) for user in meant_by(word))

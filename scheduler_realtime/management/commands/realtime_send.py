"""`manage.py realtime_send`: a notification from the shell or from cron."""

from __future__ import annotations

import sys
from typing import Any, Final, cast, get_args

from django.core.management.base import CommandError, CommandParser
from django.db import Error

from scheduler_realtime import files, log
from scheduler_realtime.audience import Audience
from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.management import words
from scheduler_realtime.management.operators import OperatorsCommand
from scheduler_realtime.members import members_of
from scheduler_realtime.messages import SystemNotification
from scheduler_realtime.models import Message
from scheduler_realtime.publishing import publish

SEVERITIES: Final = get_args(SystemNotification.model_fields["severity"].annotation)

WAIT: Final = 10.0
"""Seconds for which `--wait` waits where it does not say: a relay looks four times a second."""


class Command(OperatorsCommand):
    """Prints the key of what it sent."""

    help = "Send a notification to users, to roles or to everyone, and print its key."
    manual = """\
Exit code: 0 sent; 1 not sent, or sent and without a position yet, as the text says; 2 called
wrongly, so that nothing was sent.

  manage.py realtime_send "Room 3 closes at noon" "Please move what is left." --role scheduler
  df -h / | manage.py realtime_send "Disk" - --user anna --severity warning --expires 2h
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("title")
        parser.add_argument("message", help="The text; - reads it from standard input.")
        _add_receivers(parser)
        _add_facts(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="Say how many people it would reach, and stop."
        )
        parser.add_argument(
            "--wait",
            nargs="?",
            type=float,
            const=WAIT,
            metavar="SECONDS",
            help=f"Wait until it has its position; {WAIT:.0f} s at the most, if not said.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["everyone"] == bool(options["user"] or options["role"]):
            raise words.misused("Say to whom: --user and --role, or --everyone, and not both.")
        try:
            files.leave_replaced()
            log.state()  # by its clock is counted when a message expires
            self._deal(options)
        except InvalidMessage as error:
            raise words.misused(f"It cannot be sent: {error}") from None
        except Error as error:
            raise CommandError(
                f"The database failed: {error} Without a key above, nothing was sent. Is it"
                " migrated? `manage.py realtime_doctor` looks."
            ) from None

    def _deal(self, options: dict[str, Any]) -> None:
        receivers, payload, facts = _receivers(options), _payload(options), _facts(options)
        if options["dry_run"]:
            count = len(members_of(Audience(**receivers).groups))
            self.stdout.write(f"It would reach {count} {'person' if count == 1 else 'people'}.")
            return
        message = publish(payload, **receivers, **facts)
        key = cast(Message, message).key  # a notification is durable
        self.stdout.write(f"key      {key}")
        self.stdout.flush()
        if options["wait"] is None:
            return
        position = log.wait_for_position(key, options["wait"])
        if position is None:
            raise CommandError(
                f"It is in the log, and got no position within {options['wait']:g} s: no relay is"
                " at work. Start a server, or `manage.py realtime_relay`, and it goes out. Do not"
                " send it again."
            )
        self.stdout.write(f"position {position}")


def _add_receivers(parser: CommandParser) -> None:
    parser.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="USER",
        help="A receiver, by user name or primary key. May be repeated.",
    )
    parser.add_argument(
        "--role",
        action="append",
        default=[],
        metavar="ROLE",
        help="Whoever has this role receives it. May be repeated.",
    )
    parser.add_argument(
        "--everyone", action="store_true", help="To everyone; needed where nobody is named."
    )


def _add_facts(parser: CommandParser) -> None:
    parser.add_argument("--severity", choices=SEVERITIES, default="info")
    parser.add_argument(
        "--action",
        action="append",
        default=[],
        metavar="LABEL=URL",
        help="Something to click: --action 'Show the day=/'. May be repeated.",
    )
    parser.add_argument(
        "--expires",
        metavar="WHEN",
        help="Not shown after that: 2026-01-15T10:30 (in TIME_ZONE), or a time such as 30m or 2h.",
    )
    parser.add_argument(
        "--ack", action="store_true", help="Show it again to everyone who has not acknowledged it."
    )
    parser.add_argument(
        "--as", dest="sender", metavar="USER", help="Who sends it; nobody, if left out."
    )


def _receivers(options: dict[str, Any]) -> dict[str, Any]:
    if options["everyone"]:
        return {"users": None, "roles": None}
    return {"users": words.people(options["user"]), "roles": words.known_roles(options["role"])}


def _payload(options: dict[str, Any]) -> SystemNotification:
    text = options["message"]
    data = {
        "title": options["title"].strip(),
        "message": (sys.stdin.read() if text == "-" else text).strip(),
        "severity": options["severity"],
        "action_items": [words.link(action) for action in options["action"]],
    }
    if not (data["title"] and data["message"]):
        raise words.misused("The title or the message is empty.")
    return SystemNotification.checked(data)


def _facts(options: dict[str, Any]) -> dict[str, Any]:
    senders = words.people([options["sender"]] if options["sender"] else [])
    return {
        "user_id": senders[0] if senders else None,
        "expires_at": words.moment(options["expires"]) if options["expires"] else None,
        "ack_required": options["ack"],
    }

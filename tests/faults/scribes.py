"""The process of several writers: asked to start, to halt, and for transactions out of the ordinary."""

import json
import threading
import time
from pathlib import Path
from typing import Any, Final

import django

from tests.faults import worker

WRITERS: Final = 4

TRIES: Final = 3

WAIT: Final = 30.0
"""Seconds one transaction waits for another before it goes on without."""

SAVES_AT_ONCE: Final = 40
"""Saves in one transaction of a burst: below the threshold from which they are told in bulk."""


class Scribes:
    """Four writers with a pool of rows, and a pen for what is out of the ordinary."""

    def __init__(self) -> None:
        from tests.faults.pen import Pool

        self._pool = Pool()
        self._pens: list[Any] = []
        self._writers: list[Any] = []
        self._burst: _Burst | None = None
        self._name = ""
        self._audiences: list[str] = []

    def ready(self, name: str, audiences: list[str], seed: int, writers: int = WRITERS) -> None:
        """Make the pens."""
        from tests.faults.pen import Pen

        self._name, self._audiences = name, audiences
        self._pens = [
            Pen(f"{name}{number}-{seed}", self._pool, audiences, seed)
            for number in range(writers + 1)
        ]

    def start(self, rate: float, mix: str) -> None:
        """Have everybody write, at so many messages a second together."""
        from django.db import connections

        from tests.faults.writer import Writer

        connections.close_all()  # this thread's may be dead since the last time
        self._pool.refresh()
        pens = self._pens[1:]
        self._writers = [Writer(pen, rate=rate / len(pens), mix=mix) for pen in pens]
        for writer in self._writers:
            writer.start()

    def halt(self) -> list[str]:
        """Have everybody stop; the names of those whose transaction does not end."""
        for writer in self._writers:
            writer.halt()
        for writer in self._writers:
            writer.join(30)
        stuck = [writer.name for writer in self._writers if writer.is_alive()]
        self._writers = []
        return stuck

    def sentinel(self) -> str:
        """Create one row for everyone; its token. A connection may be dead that nobody used."""
        pen = self._pens[0]
        for _ in range(TRIES):
            with pen.deed("sentinel") as deed:
                pen.case("everyone").save()
            if deed.error is None:
                return str(deed.tokens[0])
        raise AssertionError(deed.error)

    def prepare_burst(self, saves: int) -> None:
        """Open transactions with so many saves in all, and wait with them for `commit_burst`."""
        self._burst = _Burst(self._audiences, saves // SAVES_AT_ONCE, self._name, self._pool)
        self._burst.prepare()

    def commit_burst(self, at: float) -> dict[str, float]:
        """Commit them all at that moment; when the first began to, and when the last returned."""
        assert self._burst is not None
        self._burst.commit(at)
        for pen in self._burst.pens:
            self._pens[0].deeds += pen.deeds
        moments = [deed.returned for pen in self._burst.pens for deed in pen.deeds]
        assert all(moments), "a transaction of the burst failed"
        return {"first": at, "last": max(moments)}

    def reverse(self, rounds: int, hold: float) -> None:
        """So often, two long transactions, of which the first to write commits last."""
        from tests.faults.pen import Pen

        pens = [
            Pen(f"{self._name}-r{number}-{time.monotonic_ns()}", self._pool, ["everyone"], 0)
            for number in range(2)
        ]
        for _ in range(rounds):
            _reversed(pens, hold)
        for pen in pens:
            self._pens[0].deeds += pen.deeds

    def report(self, path: str) -> None:
        """Write everybody's journal since the last report."""
        found = [deed for pen in self._pens for deed in pen.taken()]
        Path(path).write_text(json.dumps(found))


class _Burst:
    """Transactions in threads of their own that commit at once."""

    def __init__(self, audiences: list[str], count: int, name: str, pool: Any) -> None:
        from tests.faults.pen import Pen

        mark = time.monotonic_ns()
        # One in ten is for everyone: a hundred clients share two cores with all the servers.
        kinds = [word for word in audiences if word != "everyone"]
        self.pens = [
            Pen(f"{name}-b{number}-{mark}", pool, ["everyone"] if number % 10 == 0 else kinds, 0)
            for number in range(count)
        ]
        self._written = threading.Barrier(count + 1)
        self._go = threading.Event()
        self._at = 0.0
        self._threads = [threading.Thread(target=self._one, args=[pen]) for pen in self.pens]

    def prepare(self) -> None:
        for thread in self._threads:
            thread.start()
        self._written.wait(60)

    def commit(self, at: float) -> None:
        self._at = at
        self._go.set()
        for thread in self._threads:
            thread.join(60)

    def _one(self, pen: Any) -> None:
        from django.db import connections, transaction

        with pen.deed("burst"), transaction.atomic():
            for _ in range(SAVES_AT_ONCE):
                pen.case().save()
            self._written.wait(60)
            self._go.wait(60)
            time.sleep(max(0.0, self._at - time.monotonic()))
        connections.close_all()


def _reversed(pens: list[Any], hold: float) -> None:
    """The first writes, the second writes and commits, the first commits."""
    written, committed = threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=_write_late, args=[pens[0], hold, None, written, committed]),
        threading.Thread(target=_write_late, args=[pens[1], hold, written, committed, None]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def _write_late(
    pen: Any,
    hold: float,
    after: threading.Event | None,
    done: threading.Event,
    until: threading.Event | None,
) -> None:
    """One long transaction: it writes after an event, and commits a while after another.

    `done` is set once it has written, or, where it waits for nothing more, once it is over.
    """
    from django.db import connections, transaction

    if after is not None:
        after.wait(WAIT)
    try:
        with pen.deed("reversed"), transaction.atomic():
            pen.case().save()
            if until is not None:
                done.set()
                until.wait(WAIT)
            time.sleep(hold)
    finally:
        done.set()
        connections.close_all()


def main() -> None:
    django.setup()
    scribes = Scribes()
    worker.serve(
        {
            "ready": scribes.ready,
            "start": scribes.start,
            "halt": scribes.halt,
            "sentinel": scribes.sentinel,
            "prepare_burst": scribes.prepare_burst,
            "commit_burst": scribes.commit_burst,
            "reverse": scribes.reverse,
            "report": scribes.report,
        }
    )


if __name__ == "__main__":
    main()

"""Whether positions keep up with eight writers, and how quickly a backlog gets its own."""

import contextlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.site import alone, console, load, save, summary, together
from tests.harness.console import Console
from tests.harness.site import Site

PROCESSES, THREADS = 2, 4
SECONDS = 10
SAMPLE = 0.005
"""Seconds between two looks at what waits."""

ROWS = 20_000

WAITING = "SELECT id FROM scheduler_realtime_message WHERE position IS NULL"


def run() -> None:
    """Print how far the relay is behind eight writers, and how fast it clears a backlog."""
    with together(1) as site:
        _beside_writers(site)
        site.server.stop()
        _backlogs("PostgreSQL", site)
    with alone() as site:
        site.server.stop()
        _backlogs("SQLite", site)


def _beside_writers(site: Site) -> None:
    save(site.server)  # the hub runs
    watch = _Watch(site.database_url)
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(console(site)) for _ in range(PROCESSES)]
        watch.start()
        with ThreadPoolExecutor() as pool:
            commits = sum(pool.map(_write, writers, range(PROCESSES)))
        ended = time.perf_counter()
        watch.wait_until_nothing_waits()
    print(f"sequencing  {PROCESSES * THREADS} writers: {commits / SECONDS:.0f} commits/s", load())
    print(
        f"sequencing  the oldest row has waited {summary(watch.ages)}  max {1000 * max(watch.ages):.0f} ms"
    )
    print(
        f"sequencing  nothing waits {1000 * (watch.emptied - ended):.0f} ms after the last commit"
    )


def _write(console: Console, number: int) -> int:
    code = "from benchmarks.writers import write; "
    return int(console.run(code + f"print(write({number * THREADS}, {THREADS}, {SECONDS}))"))


class _Watch(threading.Thread):
    """Samples how long the oldest committed row has waited, in a session of its own.

    Its age would not do: a writer that has written it may wait for a core before it commits.
    """

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.ages: list[float] = []
        self.emptied = 0.0
        self._url = url
        self._is_ending = threading.Event()

    def run(self) -> None:
        import psycopg

        with psycopg.connect(self._url, autocommit=True, prepare_threshold=0) as connection:
            seen: dict[int, float] = {}
            while True:
                is_ending, now = self._is_ending.is_set(), time.perf_counter()
                waiting = connection.execute(WAITING).fetchall()
                seen = {row: seen.get(row, now) for (row,) in waiting}
                if is_ending and not seen:
                    self.emptied = time.perf_counter()
                    return
                if not is_ending:
                    self.ages.append(now - min(seen.values(), default=now))
                time.sleep(SAMPLE)

    def wait_until_nothing_waits(self) -> None:
        self._is_ending.set()
        self.join(60)


def _backlogs(name: str, site: Site) -> None:
    for kind in ("plain", "captured"):
        site.shell(f"from benchmarks.backlog import fill; fill({kind!r}, {ROWS})")
        found = json.loads(site.shell("from benchmarks.backlog import clear; print(clear())"))
        print(
            f"sequencing  {ROWS} {kind} rows, {name}: {found['rate']:.0f} rows/s,"
            f" {found['cpu_us']:.0f} us of CPU a row; {found['turns']} turns,"
            f" median {1000 * found['median']:.0f} ms, longest {1000 * found['longest']:.0f} ms;"
            f" {100 * found['touching']:.0f} % touch another",
            load(),
        )

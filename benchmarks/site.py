"""Sites for benchmarks: the tests' harness, with the application that has the path for saving."""

import contextlib
import http.client
import json
import os
import shutil
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.harness import lifeline, opening
from tests.harness.app_server import APPLICATION, AppServer, project_environment
from tests.harness.console import Console
from tests.harness.postgres_server import PostgresServer
from tests.harness.redis_server import RedisServer
from tests.harness.site import Site


class BenchServer(AppServer):
    """A server with the benchmark's application, which logs no request."""

    def command(self) -> list[str]:
        ours = {APPLICATION: "benchmarks.asgi:application", "info": "warning"}
        return [ours.get(word, word) for word in super().command()]


@contextlib.contextmanager
def alone() -> Iterator[Site]:
    """One uvicorn on SQLite, with the layer in memory."""
    seeded = opening.seed_sqlite()
    path = lifeline.new_folder("bench") / "site.sqlite3"
    shutil.copyfile(seeded.place, path)
    url = f"sqlite:///{path}"
    with contextlib.closing(
        Site(servers=[], database_url=url, users=seeded.users, prefix="")
    ) as site:
        _serve(site, 1)
        yield site


@contextlib.contextmanager
def together(servers: int = 2, *, env: Mapping[str, str] | None = None) -> Iterator[Site]:
    """So many uvicorn on one PostgreSQL and one Redis; `env` adds to their environment."""
    with contextlib.ExitStack() as stack:
        postgres, redis = PostgresServer(), RedisServer()
        for part in (postgres, redis):
            part.start()
            stack.callback(part.close)
        seeded = opening.seed_postgres(postgres)
        site = Site(
            servers=[],
            database_url=postgres.url(seeded.place),
            users=seeded.users,
            prefix="bench",
            postgres=postgres,
            redis=redis,
            env=dict(env or {}),
        )
        stack.callback(site.close)
        _serve(site, servers)
        yield site


def _serve(site: Site, count: int) -> None:
    for _ in range(count):
        server = BenchServer(
            "uvicorn",
            database_url=site.database_url,
            redis_url=site.redis_url,
            prefix=site.prefix,
            env=site.env,
        )
        site.servers.append(server)
        server.start()


@contextlib.contextmanager
def console(site: Site) -> Iterator[Console]:
    """One more shell of the site, in a process of its own."""
    environment = project_environment(site.database_url, site.redis_url, site.prefix, **site.env)
    with contextlib.closing(Console(environment)) as shell:
        yield shell


def load() -> str:
    """How busy the machine is besides, to be printed beside a figure."""
    return f"(load {os.getloadavg()[0]:.1f})"


def save(server: AppServer, times: int = 1) -> list[tuple[float, float]]:
    """Have a server save so often: the moment of each commit, and how long each save took."""
    return [tuple(pair) for pair in ask(server, f"/bench/save?times={times}")]


def ask(server: AppServer, path: str) -> Any:
    """What a path of the benchmark's own application answers."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    with contextlib.closing(line):
        line.request("POST", path)
        return json.loads(line.getresponse().read())


def summary(seconds: Sequence[float]) -> str:
    """Median, 95th and 99th percentile in milliseconds."""
    if len(seconds) < 2:
        return "of nothing"
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return "  ".join(
        f"{name} {1000 * value:7.2f} ms"
        for name, value in (("median", cuts[49]), ("p95", cuts[94]), ("p99", cuts[98]))
    )

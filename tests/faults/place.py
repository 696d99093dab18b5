"""A whole site under load: servers behind the proxy, their database and layer, writers, clients."""

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from tests.faults import people, prepare
from tests.faults.form import Form
from tests.faults.node import Node, RelayProcess
from tests.faults.people import Person
from tests.faults.worker import Worker
from tests.harness import lifeline
from tests.harness.app_server import APPLICATION, project_environment
from tests.harness.child import REPOSITORY
from tests.harness.postgres_server import PostgresServer
from tests.harness.redis_server import RedisServer

SETTINGS = "tests.faults.settings"
DATABASE = "faults"


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A stopped server with the suite's database, to begin each site with a copy."""

    postgres: PostgresServer
    users: dict[str, int]


def make_golden() -> Golden:
    """Prepare the database once."""
    postgres = PostgresServer()
    postgres.start()
    postgres.create_database(DATABASE)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.prepare"],
        cwd=REPOSITORY,
        env=project_environment(postgres.url(DATABASE), None, DJANGO_SETTINGS_MODULE=SETTINGS),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"not prepared:\n{done.stdout}{done.stderr}"
    postgres.stop()
    return Golden(postgres=postgres, users=json.loads(done.stdout.splitlines()[-1]))


@dataclass(frozen=True, kw_only=True)
class Teller:
    """Who tells of changes: the addon, or a control with its own application and connection."""

    application: str = APPLICATION
    told_by: str = "addon"
    mix: str = "every way"


class Place:
    """A site that is open from `with` to its end. Everything blocks; any thread may call."""

    def __init__(
        self, form: Form, golden: Golden, *, seed: int, teller: Teller | None = None
    ) -> None:
        self.form, self.seed, self.teller = form, seed, teller or Teller()
        self.dice = random.Random(seed)  # noqa: S311 - which fault comes when is no secret
        self.users = golden.users
        self.postgres = PostgresServer(data_from=golden.postgres)
        self.redis = RedisServer()
        self.nodes = [Node(kind, self.teller.application) for kind in form.kinds]
        self.url = self.postgres.url(DATABASE)
        self.people = people.gather(form.clients, self.users, prefix="c", net=1)
        self.travellers = people.gather(4, self.users, prefix="t", net=2)
        self.left_at: int | None = None
        self._gauges: dict[str, Worker] = {}
        self.folder = lifeline.new_folder("faults")
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Place":
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    # Parts.

    def _open(self) -> None:
        self.together([self.postgres.start, self.redis.start])
        for part in (self.postgres, self.redis, *self.nodes):
            self._stack.callback(part.close)
        self.exchange = self._worker("tests.faults.exchange")
        self._route()
        self.scribes = [
            self._worker("tests.faults.scribes", self._environment(self.url, self.redis.url))
            for _ in range(2)
        ]
        self.relay = RelayProcess(self._environment(self.url, self.redis.url))
        self._stack.callback(self.relay.close)
        self.crowds = [self._worker("tests.faults.crowd") for _ in range(self.form.crowds)]
        self.together([node.start for node in self.nodes])
        for name, scribes in zip("ab", self.scribes, strict=True):
            self._give_pens(scribes, name, self.form.writers)
        self._let_in()

    def _give_pens(self, scribes: Worker, name: str, writers: int) -> None:
        scribes.ask(
            "ready",
            name=name,
            audiences=prepare.audiences(self.users),
            seed=self.seed,
            writers=writers,
        )

    def _worker(self, module: str, environment: dict[str, str] | None = None) -> Worker:
        worker = Worker(module, environment or project_environment("", None))
        self._stack.callback(worker.close)
        return worker

    def _route(self) -> None:
        """Put the proxy between everybody, and tell the nodes."""
        targets: dict[str, int] = {}
        for number, node in enumerate(self.nodes):
            targets |= {
                f"clients:{number}": node.port,
                f"postgres:{number}": self.postgres.port,
                f"redis:{number}": self.redis.port,
            }
        ports = self.exchange.ask("open", targets=targets)
        for number, node in enumerate(self.nodes):
            node.env = self._environment(
                f"postgres://postgres@127.0.0.1:{ports[f'postgres:{number}']}/{DATABASE}",
                f"redis://127.0.0.1:{ports[f'redis:{number}']}/0",
            )
        self.client_urls = [
            f"ws://127.0.0.1:{ports[f'clients:{number}']}/api/ws/ws"
            for number in range(len(self.nodes))
        ]

    def _environment(self, database_url: str, redis_url: str) -> dict[str, str]:
        more = {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "FAULTS_TOLD_BY": self.teller.told_by,
            **self.form.environment(),
        }
        return project_environment(database_url, redis_url, "faults", **more)

    def _let_in(self) -> None:
        for number, crowd in enumerate(self.crowds):
            members = self.people[number :: len(self.crowds)]
            members = [*members, *(self.travellers if number == 0 else [])]
            facts = [person.facts() for person in members]
            crowd.ask("join", clients=facts, urls=self.client_urls)
        missing = self.missing([*self.people, *self.travellers], "", within=60)
        assert not missing, f"never connected: {missing}"

    # What a scenario may ask.

    def together(self, deeds: Iterable[Callable[[], Any]]) -> list[Any]:
        """Do all of it at once, each in a thread."""
        with ThreadPoolExecutor(16) as pool:
            return [done.result() for done in [pool.submit(deed) for deed in deeds]]

    def hold(self, seconds: float) -> None:
        """Leave things as they are for so long: how long a fault lasts is part of it."""
        time.sleep(seconds)

    def routes(self, kind: str) -> list[str]:
        """The names of all routes of a kind: `clients`, `postgres`, `redis`."""
        return [f"{kind}:{number}" for number in range(len(self.nodes))]

    def missing(self, who: Iterable[Person], token: str, *, within: float) -> list[str]:
        """Those of them who do not have a token, or are not level, after so many seconds."""
        names = [person.name for person in who]
        answers = self.together(
            [
                lambda crowd=crowd: crowd.ask(  # type: ignore[misc]
                    "missing", names=names, token=token, seconds=within, within=within + 30
                )
                for crowd in self.crowds
            ]
        )
        return [name for answer in answers for name in answer]

    def gauges(self) -> dict[str, Worker]:
        """Two processes with one writer each: one on the site's Redis, one on another."""
        if not self._gauges:
            other = RedisServer()
            self._stack.callback(other.close)
            other.start()
            for name, redis in (("Redis out", self.redis), ("Redis well", other)):
                environment = self._environment(self.url, redis.url)
                self._gauges[name] = self._worker("tests.faults.scribes", environment)
                self._give_pens(self._gauges[name], f"g{len(self._gauges)}", 1)
        return self._gauges

    def scatter(self) -> None:
        """Spread the clients evenly over the nodes: those that fled from one do not come back."""
        for crowd in self.crowds:
            crowd.ask("scatter")

    def log(self, column: str) -> int:
        """The log's `head` or `floor`."""
        return int(self._log(column))

    def epoch(self) -> str:
        """The log's name."""
        return str(self._log("epoch"))

    def _log(self, column: str) -> Any:
        with psycopg.connect(self.url, connect_timeout=5) as connection:
            query = sql.SQL("SELECT {} FROM scheduler_realtime_log")
            found = connection.execute(query.format(sql.Identifier(column))).fetchone()
        return 0 if found is None else found[0]

    def send_away(self) -> None:
        """Have the travellers hang up, and remember where the log stood."""
        self.crowds[0].ask("leave", names=[person.name for person in self.travellers])
        self.left_at = self.log("head")

    def heal(self) -> None:
        """Everything runs, and everything goes through."""
        self.exchange.ask("heal")
        self.together([self.postgres.ensure_running, self.redis.ensure_running])
        self.together([node.ensure_running for node in self.nodes])

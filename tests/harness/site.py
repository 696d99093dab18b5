"""A whole running site: servers, database, Redis, and the ways a test reaches them."""

import contextlib
import http.client
import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from tests.harness import tokens
from tests.harness.app_server import AppServer, Kind, manage, project_environment
from tests.harness.console import Console
from tests.harness.listener import How, Listener
from tests.harness.postgres_server import ForeignPostgres, PostgresServer
from tests.harness.redis_server import ForeignRedis, RedisServer

Who = str | int
"""A username of the seeded people, or a user's id."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP response; `body` is the parsed JSON, or the text when it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(kw_only=True)
class Site:
    """Servers of the demo project on one database and one layer. Its methods block.

    `users` has the ids of the seeded people by username; the five logins are `admin`,
    `scheduler`, `nurse`, `surgeon` and `viewer`, each in the group of that name.
    """

    servers: list[AppServer]
    database_url: str
    users: dict[str, int]
    prefix: str
    postgres: PostgresServer | ForeignPostgres | None = None
    redis: RedisServer | ForeignRedis | None = None
    env: dict[str, str] = field(default_factory=dict)
    also_ends: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def server(self) -> AppServer:
        """The first server, for a test that does not mind which."""
        return self.servers[0]

    def named(self, kind: Kind) -> AppServer:
        """The first server of that kind."""
        return next(server for server in self.servers if server.kind == kind)

    @property
    def redis_url(self) -> str | None:
        return self.redis.url if self.redis else None

    def user_id(self, who: Who) -> int:
        return who if isinstance(who, int) else self.users[who]

    def token(self, who: Who, *, lifetime: timedelta | None = None, **claims: Any) -> str:
        """A valid access token."""
        return tokens.access(self.user_id(who), lifetime=lifetime, **claims)

    def listen(
        self,
        who: Who,
        *,
        server: AppServer | None = None,
        how: How = "subprotocol",
        params: Mapping[str, object] | None = None,
        origin: str | None = None,
    ) -> contextlib.AbstractAsyncContextManager[Listener]:
        """`async with site.listen("nurse") as ear:` a socket of that user."""
        return Listener.open(
            server or self.server, token=self.token(who), how=how, params=params, origin=origin
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        who: Who | None = None,
        body: Any = None,
        server: AppServer | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 15,
    ) -> Answer:
        """One HTTP request with JSON in and out, as that user, to the first server or to `server`."""
        sent = {"Accept": "application/json"} | dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {self.token(who)}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        payload = None if body is None else json.dumps(body)
        line = http.client.HTTPConnection(
            "127.0.0.1", (server or self.server).port, timeout=timeout
        )
        with contextlib.closing(line):
            line.request(method, path, payload, sent)
            response = line.getresponse()
            text = response.read().decode()
        return Answer(status=response.status, headers=dict(response.headers), body=_parsed(text))

    def patch_surgery(
        self,
        surgery_id: int,
        *,
        who: Who = "scheduler",
        server: AppServer | None = None,
        **fields: Any,
    ) -> Any:
        """Change a surgery over REST and return it as the server does; AssertionError if refused."""
        path = f"/api/surgeries/{surgery_id}/"
        answer = self.request("PATCH", path, who=who, body=fields, server=server)
        assert answer.status == 200, f"PATCH {path}: {answer.status} {answer.body}"
        return answer.body

    def surgeries(self, *, who: Who = "scheduler") -> list[dict[str, Any]]:
        """The seeded programme of today, as REST lists it."""
        answer = self.request("GET", "/api/surgeries/", who=who)
        assert answer.status == 200, f"{answer.status} {answer.body}"
        rows = answer.body["results"] if isinstance(answer.body, dict) else answer.body
        return list(rows)

    def shell(self, code: str) -> str:
        """Run `code` in a third process that stays open; what it printed (see `Console.run`)."""
        return self.console.run(code)

    @cached_property
    def console(self) -> Console:
        return Console(self._environment())

    def manage(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` with `arguments` in a process of its own, which takes a second."""
        return manage(
            self.database_url,
            self.redis_url,
            *arguments,
            prefix=self.prefix,
            env=self.env,
            input=input,
            check=check,
        )

    def add_server(self, kind: Kind, *, env: Mapping[str, str] | None = None) -> AppServer:
        """Start one more server on the same data; it ends with the site."""
        server = AppServer(
            kind,
            database_url=self.database_url,
            redis_url=self.redis_url,
            prefix=self.prefix,
            env=self.env | dict(env or {}),
        )
        self.servers.append(server)
        server.start()
        return server

    def ensure_running(self) -> None:
        """Thaw and restart whatever the last test froze or killed."""
        for part in (self.postgres, self.redis):
            if part is not None:
                part.ensure_running()
        with ThreadPoolExecutor() as pool:
            list(pool.map(AppServer.ensure_running, self.servers))

    def tidy(self) -> None:
        """Give every relay its turn, then put the data back as it was seeded."""
        self.shell("from tests.harness import pristine; pristine.settle(); pristine.restore()")

    def close(self) -> None:
        """End everything that belongs to this site alone: `also_ends` has what is not a server."""
        self.console.close()
        for server in self.servers:
            server.close()
        self.also_ends.close()

    def _environment(self) -> dict[str, str]:
        return project_environment(self.database_url, self.redis_url, self.prefix, **self.env)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

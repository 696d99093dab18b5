"""The database and the channel layer of the tests' own process, as TEST_BACKEND names them.

`sqlite` (the default) is a file and the in-memory layer; `postgres` is PostgreSQL and Redis.
Addresses are known before anything runs, because settings are read before the first fixture.
"""

import os
import uuid
from functools import cache

from tests.harness import lifeline
from tests.harness.postgres_server import ForeignPostgres, PostgresServer
from tests.harness.redis_server import ForeignRedis, RedisServer

NAMES = ("sqlite", "postgres")


def _given(variable: str) -> str:
    """What it was before `settle_environment` wrote to it, in pytest's workers too."""
    return os.environ.setdefault(f"TESTS_GIVEN_{variable}", os.environ.get(variable, ""))


# Overrides.
_DATABASE_URL = _given("DATABASE_URL")
_REDIS_URL = _given("REDIS_URL")


def name() -> str:
    """`sqlite` or `postgres`."""
    chosen = os.environ.get("TEST_BACKEND") or "sqlite"
    if chosen not in NAMES:
        raise ValueError(f"TEST_BACKEND must be one of {', '.join(NAMES)}, not {chosen!r}")
    return chosen


@cache
def postgres() -> PostgresServer | ForeignPostgres:
    """The PostgreSQL of this test run; start it with `ensure_running()`."""
    return (
        ForeignPostgres(_DATABASE_URL) if _DATABASE_URL.startswith("postgres") else PostgresServer()
    )


@cache
def redis() -> RedisServer | ForeignRedis:
    """The Redis of this test run; start it with `ensure_running()`."""
    return another_redis()


def another_redis() -> RedisServer | ForeignRedis:
    """A Redis beside it, not started yet; where REDIS_URL is set there is but that one."""
    return ForeignRedis(_REDIS_URL) if _REDIS_URL else RedisServer()


def settle_environment() -> None:
    """Write the variables from which the demo's settings learn their database and layer."""
    run = uuid.uuid4().hex[:12]
    os.environ.setdefault("SECRET_KEY", "a key that signs tokens in the tests and nowhere else")
    # The surgeries of most tests collide by accident; those of conflicts ask for it themselves.
    os.environ["WEBSOCKET_CONFLICTS"] = "0"
    if name() == "postgres":
        os.environ["DATABASE_URL"] = postgres().url(f"realtime_{run}")
        os.environ["REDIS_URL"] = redis().url
        os.environ["CHANNEL_PREFIX"] = f"tests-{run}"
    else:
        os.environ["DATABASE_URL"] = f"sqlite:///{lifeline.new_folder('tests')}/host.sqlite3"
        os.environ.pop("REDIS_URL", None)

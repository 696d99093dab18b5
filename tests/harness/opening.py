"""Opens sites, each on a copy of a database that was migrated and seeded once."""

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.harness import backend, lifeline
from tests.harness.app_server import KINDS, AppServer, Kind, project_environment
from tests.harness.child import REPOSITORY
from tests.harness.postgres_server import ForeignPostgres, PostgresServer
from tests.harness.site import Site


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """A migrated and seeded database to copy: the path of a file, or the name of a template."""

    place: str
    users: dict[str, int]


def seed_sqlite() -> Seeded:
    """Migrate and seed a SQLite file."""
    path = str(lifeline.new_folder("seeded") / "seeded.sqlite3")
    return _seed(f"sqlite:///{path}", path)


def seed_postgres(postgres: PostgresServer | ForeignPostgres) -> Seeded:
    """Migrate and seed a database of that server."""
    name = postgres.create_database()
    return _seed(postgres.url(name), name)


def seed_stopped_postgres() -> tuple[PostgresServer, Seeded]:
    """A stopped server with a template in it, for others to begin with a copy of its data."""
    golden = PostgresServer()
    golden.start()
    seeded = seed_postgres(golden)
    golden.stop()
    return golden, seeded


def open_embedded(
    seeded: Seeded,
    kind: Kind,
    *,
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Site:
    """One server on a SQLite file of its own, with the in-memory layer."""
    return _with_servers(open_bare(seeded, env=env), [kind], options)


def open_bare(seeded: Seeded, *, env: Mapping[str, str] | None = None) -> Site:
    """A SQLite file of its own, and no server."""
    path = lifeline.new_folder("sqlite") / "site.sqlite3"
    shutil.copyfile(seeded.place, path)
    return Site(
        servers=[],
        database_url=f"sqlite:///{path}",
        users=seeded.users,
        prefix="",
        env=dict(env or {}),
    )


def open_clustered(
    seeded: Seeded,
    postgres: PostgresServer | ForeignPostgres,
    *,
    kinds: Sequence[Kind] = KINDS,
    env: Mapping[str, str] | None = None,
) -> Site:
    """Servers with a Redis of their own and a PostgreSQL database copied from the template."""
    redis = backend.another_redis()
    redis.ensure_running()
    database = postgres.create_database(template=seeded.place)
    site = Site(
        servers=[],
        database_url=postgres.url(database),
        users=seeded.users,
        prefix=f"site-{uuid.uuid4().hex[:12]}",
        postgres=postgres,
        redis=redis,
        env=dict(env or {}),
    )
    site.also_ends.callback(redis.close)
    if isinstance(postgres, ForeignPostgres):
        site.also_ends.callback(postgres.drop_database, database)
    return _with_servers(site, kinds)


def _seed(database_url: str, place: str) -> Seeded:
    done = subprocess.run(
        [sys.executable, "-m", "tests.harness.prepare_database"],
        cwd=REPOSITORY,
        env=project_environment(database_url, None),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"the database was not prepared:\n{done.stdout}{done.stderr}"
    return Seeded(place=place, users=json.loads(done.stdout.splitlines()[-1]))


def _with_servers(site: Site, kinds: Sequence[Kind], options: Sequence[str] = ()) -> Site:
    site.servers += [
        AppServer(
            kind,
            database_url=site.database_url,
            redis_url=site.redis_url,
            prefix=site.prefix,
            env=site.env,
            options=options,
        )
        for kind in kinds
    ]
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(AppServer.start, site.servers))
    except AssertionError:
        site.close()
        raise
    return site

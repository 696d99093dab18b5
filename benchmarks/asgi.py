"""The demo project with two paths more: to save a surgery, and to count what the database is asked."""

import collections
import json
import re
import threading
import time
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import sync_to_async
from django.db.backends.signals import connection_created

from project.asgi import application as project

STATEMENTS: collections.Counter[str] = collections.Counter()

_TABLE = re.compile(r'(?:FROM|INTO|UPDATE) "?(\w+)')


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers `POST /bench/save?times=1` by `[[committed_at, seconds], ...]`; the rest is the demo.

    `/bench/statements` says how many there were so far, by thread and table.
    """
    if scope["type"] != "http" or not scope["path"].startswith("/bench/"):
        await project(scope, receive, send)
        return
    await project(
        {**scope, "path": "/favicon.ico"}, receive, _nowhere
    )  # as any request: the hub runs
    if scope["path"] == "/bench/statements":
        answer: Any = STATEMENTS
    else:
        times = int(parse_qs(scope["query_string"].decode()).get("times", ["1"])[0])
        answer = await sync_to_async(save)(times)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


async def _nowhere(message: Any) -> None:
    """An ASGI `send` that nobody hears."""


def _count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    thread = threading.current_thread().name.partition("_")[0]
    found = _TABLE.search(sql)
    STATEMENTS[f"{thread} {found[1] if found else sql.split(maxsplit=1)[0]}"] += 1
    return execute(sql, params, many, context)


def _on_connection(connection: Any, **kwargs: Any) -> None:
    if _count not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count)


connection_created.connect(_on_connection)


def save(times: int) -> list[tuple[float, float]]:
    """Save one surgery so often; for each, the moment of the commit and how long `save()` took."""
    from django.db import transaction

    from project.scheduling.models import Surgery

    surgery = Surgery.objects.order_by("pk").first()
    assert surgery is not None
    results = []
    for number in range(times):
        commits: list[float] = []

        def note(commits: list[float] = commits) -> None:
            commits.append(time.time())

        surgery.notes = f"benchmark {time.time_ns()} {number}"
        begun = time.perf_counter()
        with transaction.atomic():
            # Registered before the save's own, so it runs first, right after the COMMIT.
            transaction.on_commit(note)
            surgery.save()
        results.append((commits[0], time.perf_counter() - begun))
    return results

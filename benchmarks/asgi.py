"""The demo project with one path more, which saves a surgery and says when it was committed."""

import json
import time
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import sync_to_async

from project.asgi import application as project


async def application(scope: Any, receive: Any, send: Any) -> None:
    """`POST /bench/save?times=1` answers `[[committed_at, seconds], ...]`; the rest is the demo."""
    if scope["type"] != "http" or scope["path"] != "/bench/save":
        await project(scope, receive, send)
        return
    await project(
        {**scope, "path": "/favicon.ico"}, receive, _nowhere
    )  # as any request: the hub runs
    times = int(parse_qs(scope["query_string"].decode()).get("times", ["1"])[0])
    body = json.dumps(await sync_to_async(save)(times)).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _nowhere(message: Any) -> None:
    """An ASGI `send` that nobody hears."""


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

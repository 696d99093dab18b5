"""A thousand clients that come back at once, while others go on hearing what is saved."""

import asyncio
import collections
import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.crowd import Client
from benchmarks.site import ask, console, load, save, summary, together
from tests.harness import lifeline, tokens
from tests.harness.site import Site

CLIENTS, PROCESSES, USERS = 1000, 2, 300
BEHIND = 50
LIVE = 20
PAUSE = 0.05
"""Seconds between two saves while the clients come back."""

MAKE_USERS = """
from django.contrib.auth.models import Group
made = User.objects.bulk_create([User(username=f"crowd {{n}}") for n in range({users})])
Group.objects.get(name="nurse").user_set.add(*made)
print([user.pk for user in made])
"""

STANDING = "from scheduler_realtime import log; s = log.state(); print(s.head, s.epoch)"

_NOTES = re.compile(rb'"notes":"(benchmark [^"]*)"')


def run() -> None:
    """Print how long they take, how late the others hear, and what the database was asked."""
    with together(1, env={"WEBSOCKET_MAX_CONNECTIONS": "1200"}) as site:
        users = json.loads(site.shell(MAKE_USERS.format(users=USERS)))
        save(site.server)
        _measure("range in the ring", site, users, restart=False)
        _measure("server restarted", site, users, restart=True)


def _measure(name: str, site: Site, users: list[int], *, restart: bool) -> None:
    head, epoch = site.shell(STANDING).split()
    save(site.server, BEHIND)
    if restart:
        site.server.restart()
    crowd = [users[n % len(users)] for n in range(CLIENTS)]
    with _others_live(site) as live:
        before, busy = ask(site.server, "/bench/statements"), _cpu(site)
        with contextlib.ExitStack() as stack, ThreadPoolExecutor() as pool:
            shells = [stack.enter_context(console(site)) for _ in range(PROCESSES)]
            parts = [crowd[n::PROCESSES] for n in range(PROCESSES)]
            code = "from benchmarks.crowd import resume; print(resume({}, {}, {}, {!r}))"
            answers = pool.map(
                lambda shell, part: json.loads(
                    shell.run(code.format(site.server.port, part, head, epoch))
                ),
                shells,
                parts,
            )
            found = list(answers)
        after, busy = ask(site.server, "/bench/statements"), _cpu(site) - busy
    _report(name, found, live)
    asked = _difference(before, after)
    most = ", ".join(f"{count} {kind}" for kind, count in asked.items() if count)
    print(f"reconnect  {name}: {sum(asked.values())} statements ({most})")
    print(f"reconnect  {name}: {busy:.1f} s of CPU in the server")


def _cpu(site: Site) -> float:
    times = psutil.Process(site.server.pid).cpu_times()
    return times.user + times.system


def _report(name: str, found: list[Any], live: "_Live") -> None:
    took = [seconds for part in found for seconds in part["took"]]
    whole, count = (sum(part[key] for part in found) for key in ("whole", "count"))
    print(f"reconnect  {name}: caught up {summary(took)}", load())
    print(f"reconnect  {name}: {whole} of {count} had every message once, in order")
    for fault in (fault for part in found for fault in part["faults"]):
        print(f"reconnect  {name}: {fault}")
    print(f"reconnect  {name}: the {LIVE} others, commit to frame {summary(live.latencies())}")


def _difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    counted = collections.Counter(after)
    counted.subtract(before)
    return dict(counted.most_common())


@dataclass
class _Live:
    """Those who were there all the time: when each of them heard which save."""

    heard: list[tuple[str, float]] = field(default_factory=list)
    committed: dict[str, float] = field(default_factory=dict)

    def on_text(self, client: Client, payload: bytes) -> None:
        if (found := _NOTES.search(payload)) is not None:
            self.heard.append((found[1].decode(), time.time()))

    def latencies(self) -> list[float]:
        assert len(self.heard) >= LIVE * (len(self.committed) - 1), "somebody missed a save"
        return [at - self.committed[notes] for notes, at in self.heard if notes in self.committed]


@contextlib.contextmanager
def _others_live(site: Site) -> Iterator[_Live]:
    """Sockets that are there before, and saves in another process as long as the block runs."""
    live, loop = _Live(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    is_over = lifeline.new_folder("over") / "flag"
    code = (
        f"from benchmarks.writers import write_until; print(write_until({str(is_over)!r}, {PAUSE}))"
    )
    try:
        clients = asyncio.run_coroutine_threadsafe(_open(site, live), loop).result(30)
        with ThreadPoolExecutor() as pool, console(site) as shell:
            writing = pool.submit(shell.run, code)
            try:
                time.sleep(1)
                yield live
                time.sleep(0.5)
            finally:
                is_over.touch()
            live.committed = json.loads(writing.result(60))
            time.sleep(0.5)
        for client in clients:
            loop.call_soon_threadsafe(client.transport.close)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _open(site: Site, live: _Live) -> list[Client]:
    loop, token = asyncio.get_running_loop(), tokens.access(site.users["admin"])
    clients = [Client(token, "", live.on_text) for _ in range(LIVE)]
    for client in clients:
        await loop.create_connection(lambda c=client: c, "127.0.0.1", site.server.port)
    return clients

"""The process of many clients: it lets them join and leave, and reports what they noted."""

import asyncio
import json
from pathlib import Path
from typing import Any

import uvloop

from tests.faults import worker
from tests.faults.client import Client


class Crowd:
    """The clients by name."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}

    async def join(self, clients: list[dict[str, Any]], urls: list[str]) -> None:
        """Make clients and have them connect."""
        for facts in clients:
            client = Client(urls=urls, **facts)
            self._clients[client.name] = client
            client.join()

    async def leave(self, names: list[str]) -> None:
        """Have these hang up, and stay away."""
        for name in names:
            await self._clients[name].leave()

    async def come_back(self, names: list[str]) -> None:
        """Have these connect again, resuming."""
        for name in names:
            self._clients[name].join()

    async def scatter(self) -> None:
        """Have everybody connect anew, spread evenly over the servers."""
        for number, client in enumerate(self._clients.values()):
            client.move(number)

    async def missing(self, names: list[str] | None, token: str, seconds: float) -> list[str]:
        """Wait until each of them was handed a token, or, without one, is level with its server.

        Returns those who are not after so many seconds.
        """
        waiting = set(self._clients if names is None else names) & set(self._clients)
        try:
            async with asyncio.timeout(seconds):
                for name in tuple(waiting):
                    await _until(self._clients[name], token)
                    waiting.discard(name)
        except TimeoutError:
            waiting = {name for name in waiting if not _has(self._clients[name], token)}
        return sorted(waiting)

    async def report(self, path: str) -> None:
        """Write what everybody noted since the last report."""
        found = {name: client.taken() for name, client in self._clients.items()}
        await asyncio.to_thread(Path(path).write_text, json.dumps(found))


def _has(client: Client, token: str) -> bool:
    return token in client.tokens if token else client.is_level


async def _until(client: Client, token: str) -> None:
    while not _has(client, token):
        client.news.clear()
        try:
            async with asyncio.timeout(0.2):
                await client.news.wait()
        except TimeoutError:
            continue


async def main() -> None:
    crowd = Crowd()
    await worker.aserve(
        {
            "join": crowd.join,
            "leave": crowd.leave,
            "come_back": crowd.come_back,
            "scatter": crowd.scatter,
            "missing": crowd.missing,
            "report": crowd.report,
        }
    )


if __name__ == "__main__":
    uvloop.run(main())

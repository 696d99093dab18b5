"""The process in which every proxied route of a site runs: asked by name to open and to misbehave."""

import uvloop

from tests.faults import worker
from tests.faults.proxy import Route


class Exchange:
    """The routes by name."""

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}

    async def open(self, targets: dict[str, int]) -> dict[str, int]:
        """Open a route to each of the ports, and say at which ports they begin."""
        for name, port in targets.items():
            self._routes[name] = Route(port)
            await self._routes[name].open()
        return {name: self._routes[name].port for name in targets}

    async def each(self, deed: str, routes: list[str], peer: str | None = None) -> None:
        """Do it to these routes: `cut`, `freeze`, `heal`, or to a peer `ban`, `silence`, `allow`."""
        for name in routes:
            getattr(self._routes[name], deed)(*([] if peer is None else [peer]))

    async def delay(self, routes: list[str], seconds: float) -> None:
        """Hold back each piece by so much, in both directions."""
        for name in routes:
            self._routes[name].delay = seconds

    async def heal(self) -> None:
        """Let everything through."""
        for route in self._routes.values():
            route.heal()


async def main() -> None:
    exchange = Exchange()
    await worker.aserve(
        {
            "open": exchange.open,
            "each": exchange.each,
            "delay": exchange.delay,
            "heal": exchange.heal,
        }
    )


if __name__ == "__main__":
    uvloop.run(main())

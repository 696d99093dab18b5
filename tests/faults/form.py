"""How large a run is: its servers, its clients, its load, and how long things stay broken."""

from dataclasses import dataclass
from typing import Final

from tests.harness.app_server import Kind


@dataclass(frozen=True, kw_only=True)
class Form:
    """`rate` is messages a second of all writers together; times are seconds.

    `outage` is how long Redis and a frozen relay are away, `spell` how long what has no length of
    its own lasts, `period` how often each client's line is cut, for `blink`. `history` and
    `min_age` are what the log keeps. `settle` is how long catching up may take, `gauges` whether
    saves are measured beside others while Redis is out.
    """

    kinds: tuple[Kind, ...]
    clients: int
    crowds: int
    writers: int
    rate: float
    heartbeat: float
    outage: float
    spell: float
    period: float
    blink: float
    burst: int
    history: int
    min_age: float
    settle: float
    gauges: bool

    def environment(self) -> dict[str, str]:
        """The addon's settings in the servers."""
        return {
            "WEBSOCKET_HEARTBEAT_INTERVAL": str(self.heartbeat),
            "WEBSOCKET_MESSAGE_HISTORY_SIZE": str(self.history),
            "WEBSOCKET_MESSAGE_MIN_AGE": str(self.min_age),
            # So that a client cut off in the burst is brought up to date, and none is excused.
            "WEBSOCKET_REPLAY_LIMIT": "5000",
        }


LONG: Final = Form(
    kinds=("daphne", "uvicorn", "daphne", "uvicorn"),
    clients=100,
    crowds=2,
    writers=4,
    rate=20,
    heartbeat=2,
    outage=30,
    spell=12,
    period=15,
    blink=2,
    burst=2000,
    history=1000,
    min_age=60,
    settle=60,
    gauges=True,
)

SHORT: Final = Form(
    kinds=("daphne", "uvicorn"),
    clients=16,
    crowds=1,
    writers=2,
    rate=20,
    heartbeat=1,
    outage=3,
    spell=3,
    period=3,
    blink=1,
    burst=400,
    history=100,
    min_age=20,
    settle=30,
    gauges=False,
)

"""Ports that are free and stay free between a server's death and its restart."""

import random
import socket

# Below Linux's ephemeral range (32768 and up): a client that keeps connecting to a dead port
# inside that range can be given the same number for its own end, connect to itself and hold it.
_RANGE = range(20_000, 32_000)
_dice = random.SystemRandom()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago."""
    for _ in range(200):
        port = _dice.choice(_RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port between {_RANGE.start} and {_RANGE.stop}")

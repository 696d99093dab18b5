"""The channel layer: whether it answers, and whether it reaches other processes at all."""

from __future__ import annotations

import time

from scheduler_realtime.conf import conf
from scheduler_realtime.doorbell import Probe

from .findings import Finding, failed, passed, since

REMEDY = (
    "Start Redis, and see that CHANNEL_LAYERS names its address. Until then every server finds the"
    " news by itself, later; presence and progress do not cross."
)


async def look(probe: Probe) -> Finding:
    """Whether the layer brings back what it is given."""
    begun = time.monotonic()
    await probe.echo()
    return passed(
        "layer",
        since(begun),
        "It brings back what it is given.",
        if_slow="Bring Redis closer, or relieve it.",
    )


def in_memory(living: int) -> Finding:
    """One that leads to no other process: well where there is but one."""
    if living > 1:
        return failed(
            "layer",
            f"It is in memory, and {living} processes are alive: presence and progress do not"
            " cross, and each finds the others' news only by its own look.",
            f"Give CHANNEL_LAYERS[{conf().CHANNEL_LAYER!r}] a channels_redis layer, or run one"
            " process.",
        )
    says = "It leads to no other process, which does for one."
    return Finding(station="layer", state="ok", says=says)

"""Ephemeral frames: from the layer to the sockets of their groups, each at most once."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from django.utils import timezone

from . import frames
from .connection import Connection
from .mailbox import Item
from .messages import TYPES, OptimizationProgress
from .wire import dumps, plain, utc_text

logger = logging.getLogger(__name__)

REMEMBERED: Final = 2000
"""Tokens of frames heard: one that was sent to two groups of ours comes twice."""


class Ephemera:
    """What a hub knows of ephemeral frames: which it has heard, and which runs have ended."""

    def __init__(self) -> None:
        self._heard: OrderedDict[str, None] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def end(self, run: str) -> None:
        """The end of an optimisation was told: its ticks that still wait are not sent any more."""
        _remember(self._ended, run)

    def groups_of(self, message: dict[str, Any]) -> list[str]:
        """The groups a message is for; none where it was heard before or is not ours."""
        token = message.get("token")
        if token is not None:
            if token in self._heard:
                return []
            _remember(self._heard, token)
        groups = message.get("groups") or [message.get("group")]
        if not all(isinstance(group, str) for group in groups):
            logger.warning("A realtime.frame names no `group`: it was sent to nobody.")
            return []
        return list(groups)

    def deliver(self, frame: Any, connections: Iterable[Connection]) -> None:
        """Put a frame into mailboxes, without what is protected where the user is not cleared."""
        try:
            texts = _texts(frame)
        except (ValueError, TypeError, KeyError) as error:
            logger.warning("A realtime.frame cannot be sent: %s", error)
            return
        run = _run_of(frame)
        for connection in connections:
            text = texts[connection.identity.is_cleared]
            item = Item(
                text=partial(self._unless_ended, run, text), size=len(text), is_ephemeral=True
            )
            connection.carry(item)

    def _unless_ended(self, run: str | None, text: str) -> str | None:
        return None if run in self._ended else text


def _texts(frame: Any) -> dict[bool, str]:
    """The frame for those with the clearance and for those without."""
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise TypeError("`frame` has no `type`")
    frame = plain({"timestamp": utc_text(timezone.now()), "data": {}} | frame, "frame")
    payload = TYPES.get(frame["type"])
    whole = dumps(frame)
    if payload is None or not payload.protected:
        return {True: whole, False: whole}
    data = frames.redacted(frame["data"], payload.protected)
    return {True: whole, False: dumps(frame | {"data": data})}


def _run_of(frame: dict[str, Any]) -> str | None:
    if frame["type"] != OptimizationProgress.type:
        return None
    run: str | None = frame.get("data", {}).get("optimization_id")
    return run


def _remember(memory: OrderedDict[str, None], token: str) -> None:
    memory[token] = None
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)

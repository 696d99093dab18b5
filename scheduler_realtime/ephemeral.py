"""Ephemeral frames: from the layer to the sockets of their groups, each at most once."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from django.utils import timezone

from . import frames
from .backlog import Item
from .connection import Connection
from .log import Row
from .messages import FINAL, TYPES, OptimizationProgress, protected_by_setting
from .ticks import Ticks
from .wire import dumps_clean, plain, utc_text

logger = logging.getLogger(__name__)

REMEMBERED: Final = 2000
"""Tokens of frames heard: one that was sent to two groups of ours comes twice."""

_OF_THE_LOG: Final = frozenset({"id", "key", "early", "redelivered"})

Members = Callable[[Iterable[str]], Iterable[Connection]]
"""The sockets in any of these groups."""


class Ephemera:
    """What a hub knows of ephemeral frames: which it has heard, and which runs have ended."""

    def __init__(self) -> None:
        self._heard: OrderedDict[str, None] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._ticks = Ticks()

    def learn(self, row: Row) -> None:
        """See a message of the log: behind the end of an optimisation no tick of it is sent."""
        if row.type == OptimizationProgress.type and row.data.get("status") in FINAL:
            _remember(self._ended, str(row.data.get("optimization_id")))

    def hear(self, message: Mapping[str, Any], members: Members) -> None:
        """Put a message's frame into the mailboxes of its groups, at most once.

        Anybody may send to the layer: what is malformed reaches nobody, and the log says why.
        """
        try:
            if self._is_heard(message.get("token")):
                return
            groups = _groups_of(message)
            frame = _checked(message.get("frame"))
            texts = _texts(frame)
        except (ValueError, TypeError, AttributeError) as error:
            # Its keys are in the text, and may hold line breaks.
            logger.warning("A realtime.frame of the channel layer reaches nobody: %r.", str(error))
            return
        send = partial(self._send, frame, texts, groups, members)
        if (run := _run_of(frame)) is None:
            send()
        elif frame["data"].get("status") in FINAL:
            self._ticks.end((run, *sorted(groups)), send)
        else:
            self._ticks.put((run, *sorted(groups)), send)

    def _send(
        self, frame: dict[str, Any], texts: dict[bool, str], groups: list[str], members: Members
    ) -> None:
        for connection in members(groups):
            if connection.wants(frame["type"], groups):
                connection.carry(self._item(frame, texts[connection.identity.is_cleared]))

    def _is_heard(self, token: Any) -> bool:
        if token is None:
            return False
        if not isinstance(token, str):
            raise TypeError("`token` is not a string")
        if token in self._heard:
            return True
        _remember(self._heard, token)
        return False

    def _item(self, frame: dict[str, Any], text: str) -> Item:
        ask = partial(self._unless_ended, _run_of(frame), text)
        return Item(text=ask, size=len(text), is_ephemeral=True, kind=frame["type"])

    def _unless_ended(self, run: str | None, text: str) -> str | None:
        return None if run in self._ended else text


def _groups_of(message: Mapping[str, Any]) -> list[str]:
    groups = message.get("groups", [message.get("group")])
    if not isinstance(groups, list | tuple) or not all(isinstance(name, str) for name in groups):
        raise TypeError("it names no `group` and no list of `groups`")
    return list(groups)


def _checked(frame: Any) -> dict[str, Any]:
    """The frame as an envelope without a position, which only the log can give."""
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise TypeError("`frame` has no `type`")
    whole = {"timestamp": utc_text(timezone.now()), "data": {}} | frame
    if not isinstance(whole["data"], dict):
        raise TypeError("the `data` of `frame` is no object")
    checked: dict[str, Any] = plain(whole, "frame")
    return {name: value for name, value in checked.items() if name not in _OF_THE_LOG}


def _texts(frame: dict[str, Any]) -> dict[bool, str]:
    """The frame for those with the clearance and for those without."""
    payload, type_ = TYPES.get(frame["type"]), frame["type"]
    whole = dumps_clean(frame)
    names = frozenset() if payload is None else payload.protected
    if not (names := names | protected_by_setting(type_)):
        return {True: whole, False: whole}
    data = frames.redacted(type_, frame["data"], names)
    return {True: whole, False: dumps_clean(frame | {"data": data})}


def _run_of(frame: dict[str, Any]) -> str | None:
    if frame["type"] != OptimizationProgress.type:
        return None
    run = frame["data"].get("optimization_id")
    return run if isinstance(run, str) else None


def _remember(memory: OrderedDict[str, None], token: str) -> None:
    memory[token] = None
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)

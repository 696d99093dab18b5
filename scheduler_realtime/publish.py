"""publish() and apublish(): a checked message into the log, or straight to the groups."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from django.db import close_old_connections, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from . import doorbell, log
from .actor import current_actor
from .audience import Audience
from .exceptions import InvalidMessage
from .messages import OptimizationProgress, Payload, envelope
from .models import Message
from .wire import plain

P = ParamSpec("P")
R = TypeVar("R")

_STARTED_RUNS: Final = 1000
"""Optimisation runs remembered as told of, so that only their first state is kept in the log."""


def publish(
    payload: Payload,
    *,
    users: Iterable[Any] | None = None,
    roles: Iterable[str] | None = None,
    user_id: Any = None,
    ack_required: bool | None = None,
    expires_at: dt.datetime | str | None = None,
) -> Message | None:
    """Send a message to users and roles; with neither given, to everyone.

    A durable message is written into the log, in the transaction in progress where there is one,
    and is returned without a position, which it gets after the commit. An ephemeral one is sent
    on commit, or at once, and None is returned. `user_id` is who caused it; left out, the user
    of the request or of `acting_as`. Raises `InvalidMessage` or `InvalidAudience`, and then
    nothing was stored or sent.
    """
    audience = Audience(users=users, roles=roles)
    actor = plain(user_id if user_id is not None else current_actor(), "user_id")
    if not _is_durable(payload):
        _publish_ephemeral(payload, audience, actor)
        return None
    needs_ack = payload.ack_required_by_default if ack_required is None else ack_required
    draft = log.Draft(
        type=payload.type,
        data=payload.model_dump(mode="json"),
        groups=audience.groups,
        protected=payload.protected,
        scope=_scope(payload),
        actor=actor,
        ack_required=needs_ack,
        expires_at=_moment(expires_at),
    )
    log.append([draft])
    return Message.objects.using(log.database()).get(key=draft.key)


def _scope(payload: Payload) -> dict[str, Any]:
    """What subscribers narrow by, of a message somebody composed."""
    data = payload.model_dump(mode="json")
    surgeries = [data.get("surgery_id"), *data.get("affected_surgeries", [])]
    scope = {
        "model": data.get("model"),
        "surgeries": [surgery for surgery in surgeries if surgery is not None],
        "rooms": [data["room_id"]] if data.get("room_id") is not None else [],
        "dates": [data["schedule_date"]] if data.get("schedule_date") else [],
    }
    return {name: value for name, value in scope.items() if value}


def _moment(value: dt.datetime | str | None) -> dt.datetime | None:
    if value is None:
        return None
    moment = parse_datetime(value) if isinstance(value, str) else value
    if moment is None:
        raise InvalidMessage("expires_at", f"{value!r} is not a date and time in ISO 8601")
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment, timezone.get_default_timezone())
    return moment


def _publish_ephemeral(payload: Payload, audience: Audience, actor: Any) -> None:
    frame = envelope(
        payload.type, payload.model_dump(mode="json"), timestamp=timezone.now(), user_id=actor
    )

    # A plain function: Django 5.2 logs a robust callback that fails by its __qualname__.
    def send() -> None:
        doorbell.carry(frame, audience.groups)

    transaction.on_commit(send, using=log.database(), robust=True)


_started: Final[OrderedDict[str, None]] = OrderedDict()
_started_lock: Final = threading.Lock()


def _is_durable(payload: Payload) -> bool:
    """Of an optimisation's progress only the first and the final state are kept.

    The first that this process hears of: a run told of by two processes has two.
    """
    if not isinstance(payload, OptimizationProgress) or payload.is_final:
        return payload.durable
    with _started_lock:
        if payload.optimization_id in _started:
            return False
        _started[payload.optimization_id] = None
        if len(_started) > _STARTED_RUNS:
            _started.popitem(last=False)
    return True


# A thread of its own: the one that Channels and `sync_to_async` share may stand for seconds
# behind somebody's query.
_writer: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="realtime-publish")


def _in_writer(call: Callable[[], R]) -> R:
    close_old_connections()
    try:
        return call()
    finally:
        close_old_connections()


def twin(verb: Callable[P, R]) -> Callable[P, Any]:
    """The `a` twin of a sync verb: the same, to await, in order, and never blocking the loop.

    It writes in a transaction of its own, since async code has none to share.
    """

    @functools.wraps(verb)
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> R:
        context = contextvars.copy_context()
        call = functools.partial(context.run, verb, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(_writer, _in_writer, call)

    awaited.__name__ = awaited.__qualname__ = f"a{verb.__name__}"
    awaited.__doc__ = f"`{verb.__name__}`, to await from async code."
    return awaited


apublish = twin(publish)

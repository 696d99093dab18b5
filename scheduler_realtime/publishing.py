"""publish() and apublish(): a checked message into the log, or straight to the groups."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import functools
import os
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from django.db import close_old_connections, connections, transaction
from django.utils import timezone

from . import conditions, doorbell, log, standing
from .actor import current_actor, key_of
from .audience import Audience
from .clean_text import cleaned
from .discretion import discreet
from .exceptions import InvalidMessage
from .messages import (
    TYPES,
    OptimizationProgress,
    Payload,
    carried,
    envelope,
    protected_by_setting,
)
from .models import Message
from .wire import aware, moment_in, plain

P = ParamSpec("P")
R = TypeVar("R")

_RUNS: Final = 1000
"""Optimisation runs remembered as told of, so that only their first state is kept in the log."""

_ACTOR_LENGTH: Final = 255
"""What the log's column holds."""


@discreet
def publish(
    payload: Payload,
    *,
    users: Iterable[Any] | None = None,
    roles: Iterable[str] | None = None,
    user_id: Any = None,
    ack_required: bool | None = None,
    expires_at: dt.datetime | str | None = None,
    protected: frozenset[str] = frozenset(),
    key: uuid.UUID | None = None,
) -> Message | None:
    """Send a message to users and roles; with neither given, to everyone.

    A durable message is written into the log, in the transaction in progress where there is one,
    and is returned without a position, which it gets after the commit. An ephemeral one is sent
    on commit, or at once, and None is returned. `user_id` is who caused it; left out, the user
    of the request or of `acting_as`. `ack_required` and `expires_at`, left out, are the
    payload's own. `protected` are names to leave out, beside the payload's own, for those
    without the clearance; what the binding of its `model` demands of those who hear of an object
    is demanded here. A durable message with a `key` that the log has already raises
    `IntegrityError`: so nothing is sent twice. Raises `InvalidMessage`, also where nobody
    registered the type, or `InvalidAudience`, and then nothing was stored or sent.
    """
    data = plain(payload.model_dump())
    if expires_at is None:
        expires_at = _own(payload, "expires_at")
    if ack_required is None:
        ack_required = _own(payload, "ack_required", payload.ack_required_by_default)
    condition = conditions.of(payload, data)
    draft = log.Draft(
        type=payload.type,
        data=cleaned(data),
        groups=Audience(users=users, roles=roles).groups,
        protected=payload.protected | protected,
        scope=_scope(data),
        actor=actor_key(user_id),
        ack_required=bool(ack_required),
        expires_at=_moment(expires_at),
        key=key or uuid.uuid4(),
        needs=condition.needs,
        subject=condition.subject,
    )
    if payload.type not in TYPES:
        raise InvalidMessage("type", f"{payload.type!r} is unknown; see `register_message`")
    _agree(payload, draft)
    if not _is_durable(payload, draft):
        _send_on_commit(draft)
        return None
    _write(payload, draft)
    if isinstance(payload, OptimizationProgress):
        _remember(payload.optimization_id)
    return Message.objects.using(log.database()).get(key=draft.key)


def _write(payload: Payload, draft: log.Draft) -> None:
    if not standing.is_changed_by(payload):
        log.append([draft])
        return
    with transaction.atomic(using=log.database(), savepoint=False):
        log.append([draft])
        standing.take_down(payload, draft)


def _own(payload: Payload, name: str, default: Any = None) -> Any:
    """What the payload itself says of its delivery, if its type says such a thing at all."""
    is_said = name in payload.model_fields_set and name in type(payload).model_fields
    return getattr(payload, name) if is_said else default


def _agree(payload: Payload, draft: log.Draft) -> None:
    """Have the data say what the log will do, where its shape says so at all."""
    told = {"ack_required": draft.ack_required, "expires_at": plain(draft.expires_at, "expires_at")}
    draft.data.update((n, v) for n, v in told.items() if n in type(payload).model_fields)


def _scope(data: dict[str, Any]) -> dict[str, Any]:
    """What subscribers narrow by, of a message somebody composed.

    Where its shape does not have these names, they may stand for anything.
    """
    affected = data.get("affected_surgeries")
    surgeries = [data.get("surgery_id"), *(affected if isinstance(affected, list) else [])]
    scope = {
        "model": next(iter(_keys([data.get("model")])), None),
        "surgeries": _keys(surgeries),
        "rooms": _keys([data.get("room_id")]),
        "dates": _keys([data.get("schedule_date")]),
    }
    return {name: value for name, value in scope.items() if value}


def _keys(values: list[Any]) -> list[int | str]:
    return [value for value in values if type(value) is int or (value and isinstance(value, str))]


def actor_key(user_id: Any) -> int | str | None:
    """The primary key of who caused it: of this user, or of whoever acts now where it is None."""
    key = plain(current_actor() if user_id is None else key_of(user_id), "user_id")
    if key is None or type(key) is int or (isinstance(key, str) and len(key) <= _ACTOR_LENGTH):
        return key
    raise InvalidMessage("user_id", "is neither a user nor a primary key")


def _moment(value: Any) -> dt.datetime | None:
    if value is None:
        return None
    moment = moment_in(value) if isinstance(value, str) else value
    if not isinstance(moment, dt.datetime):
        raise InvalidMessage("expires_at", f"{value!r} is not a date and time in ISO 8601")
    return aware(moment)


def _send_on_commit(draft: log.Draft) -> None:
    data = carried(draft.data, _kept_from_layer(draft))
    frame = envelope(draft.type, data, timestamp=timezone.now(), user_id=draft.actor)  # type: ignore[arg-type]  # as `_key` made it

    # A plain function: Django 5.2 logs a robust callback that fails by its __qualname__.
    def send() -> None:
        doorbell.carry(frame, draft.groups)

    # Asked first, so that a tick outside a transaction opens no connection.
    if connections[log.database()].in_atomic_block:
        transaction.on_commit(send, using=log.database(), robust=True)
    else:
        send()


_told: Final[OrderedDict[str, Callable[[], None] | None]] = OrderedDict()
"""Runs whose first state is in the log: for good, or with the callback of a transaction that is
not over, which Django takes back when it rolls back."""

_told_lock: Final = threading.Lock()


def _kept_from_layer(draft: log.Draft) -> frozenset[str]:
    """What is protected is for the log alone."""
    return draft.protected | protected_by_setting(draft.type)


def _is_durable(payload: Payload, draft: log.Draft) -> bool:
    """Of an optimisation's progress only the first and the final state are kept.

    The first that this process hears of: a run told of by two processes has two. What else is
    worth only its moment is kept too where it says what is protected.
    """
    if not isinstance(payload, OptimizationProgress) or payload.is_final:
        said = {name for name, value in draft.data.items() if value is not None}
        return payload.durable or not said.isdisjoint(_kept_from_layer(draft))
    with _told_lock:
        if payload.optimization_id not in _told:
            return True
        pending = _told[payload.optimization_id]
    waiting = connections[log.database()].run_on_commit
    return pending is not None and not any(entry[1] is pending for entry in waiting)


def _remember(run: str) -> None:
    def settle() -> None:
        _note(run, None)

    if connections[log.database()].in_atomic_block:
        _note(run, settle)
        transaction.on_commit(settle, using=log.database(), robust=True)
    else:
        settle()


def _note(run: str, pending: Callable[[], None] | None) -> None:
    with _told_lock:
        _told[run] = pending
        if len(_told) > _RUNS:
            _told.popitem(last=False)


# A thread of its own: the one that Channels and `sync_to_async` share may stand for seconds
# behind somebody's query.
def _new_writer() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="realtime-publish")


_writer = _new_writer()


def _after_fork() -> None:
    global _writer  # noqa: PLW0603 - a child has none of its parent's threads
    _writer = _new_writer()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _in_writer(call: Callable[[], R]) -> R:
    close_old_connections()
    try:
        return call()
    finally:
        close_old_connections()


def twin(verb: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The `a` twin of a sync verb: the same, to await, in order, and never blocking the loop.

    It writes in a transaction of its own, since async code has none to share. Whoever stops
    awaiting it does not take it back.
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

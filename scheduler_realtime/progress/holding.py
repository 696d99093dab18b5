"""Holding a run: its row in the database, its lease, and its first and last word in the log."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction

from scheduler_realtime import log, standing
from scheduler_realtime.clean_text import cleaned
from scheduler_realtime.exceptions import OptimizationEnded, OptimizationRunning
from scheduler_realtime.messages import FINAL, OptimizationProgress
from scheduler_realtime.models import OptimizationRun
from scheduler_realtime.presence.tables import Table
from scheduler_realtime.values import Key
from scheduler_realtime.wire import dumps, plain

logger = logging.getLogger(__name__)

LEASE: Final = 18.0
"""Seconds that a run is taken to live after it was heard of: an engine in C may keep all threads
of its process from running for some of them."""

LOST: Final = "The process that ran it stopped without a word."
"""Why a run failed whose lease was not renewed."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """A run as one process holds it: who hears of it, and who caused it."""

    optimization_id: str
    groups: frozenset[str]
    actor: Key | None
    holder: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the row says at a beat. `is_ours`: the run goes on, and nobody has told its end."""

    is_ours: bool
    is_cancel_asked: bool = False


def begin(held: Held, payload: OptimizationProgress) -> None:
    """Tell a run's first state, and hold it from then on. Blocks on the database, as all of these.

    Raises `OptimizationRunning` where somebody holds a run of this name, `OptimizationEnded` where
    one has ended: no run is opened again. One that was told `queued` by hand is taken over.
    """
    table = _table()
    until, parameters = table.now(LEASE)
    with transaction.atomic(using=log.database()):
        draft = _draft(held, payload)
        standing.take_down(payload, draft)
        taken = table.change(
            f"UPDATE {table.name} SET holder = %s, lease_until = {until}"  # noqa: S608
            " WHERE optimization_id = %s AND holder IS NULL"
            " AND status NOT IN ('completed', 'failed', 'cancelled')",
            [table.value("holder", held.holder), *parameters, held.optimization_id],
        )
        if taken:
            log.append([draft])
        else:
            _refuse(held)


def _refuse(held: Held) -> None:
    """Say why a run cannot begin, unless it has: a line that broke hides whether it was committed."""
    run = standing.runs().get(optimization_id=held.optimization_id)
    if run.status in FINAL:
        raise OptimizationEnded(held.optimization_id, run.status)
    if run.holder != held.holder:
        raise OptimizationRunning(held.optimization_id)


def beat(held: Held, payload: OptimizationProgress | None) -> Heard:
    """Renew the lease, and write the figures where there are any: one statement in any case."""
    table = _table()
    until, parameters = table.now(LEASE)
    sets = [f"lease_until = {until}"]
    if payload is not None:
        moment, now = table.now()
        figures = {name: getattr(payload, name) for name in standing.FIGURES}
        figures["metrics"] = dumps(plain(payload.metrics))
        sets += [f"updated_at = {moment}", *(f"{name} = %s" for name in figures)]
        parameters = [*parameters, *now]
        parameters += [table.value(name, value) for name, value in figures.items()]
    rows = table.ask(
        f"UPDATE {table.name} SET {', '.join(sets)}"  # noqa: S608
        f" WHERE {_IS_OURS} RETURNING cancel_asked_at",
        [*parameters, *_ours(table, held)],
    )
    if not rows:
        return Heard(is_ours=False)
    return Heard(is_ours=True, is_cancel_asked=rows[0][0] is not None)


def end(held: Held, payload: OptimizationProgress) -> str:
    """Tell a run's last state, once; the status it has ended with, which may be another's word."""
    table = _table()
    with transaction.atomic(using=log.database()):
        ended = table.change(
            f"UPDATE {table.name} SET lease_until = NULL WHERE {_IS_OURS}",  # noqa: S608
            _ours(table, held),
        )
        if ended:
            _tell_end(held, payload)
            return payload.status
    found = standing.runs().filter(optimization_id=held.optimization_id)
    return found.values_list("status", flat=True).first() or "failed"


def lapsed() -> dict[str, Any]:
    """The runs whose lease has ended, each with the end of it as the driver has it."""
    table = _table()
    now, parameters = table.now()
    rows = table.ask(
        f"SELECT optimization_id, lease_until FROM {table.name} WHERE lease_until < {now}",  # noqa: S608
        parameters,
    )
    return dict(rows)


def judge(suspects: Mapping[str, Any]) -> dict[str, Any]:
    """Tell the end of the runs that were suspected before, and still have not been heard of.

    Returns who is suspected now. Two looks, since a database that stood still has kept every run
    from being heard of: those that live are heard of at once when it is back.
    """
    found = lapsed()
    for optimization_id, until in found.items():
        if suspects.get(optimization_id) == until and _fail(optimization_id, until):
            logger.warning("The optimisation %r failed: %s", optimization_id, LOST)
    return found


def _fail(optimization_id: str, until: Any) -> bool:
    """Tell that a run was lost, unless it was heard of or somebody else has told it."""
    table = _table()
    with transaction.atomic(using=log.database()):
        if not table.change(
            f"UPDATE {table.name} SET lease_until = NULL"  # noqa: S608
            " WHERE optimization_id = %s AND lease_until = %s",
            [optimization_id, until],
        ):
            return False
        run = standing.runs().get(optimization_id=optimization_id)
        held = Held(
            optimization_id=optimization_id,
            groups=frozenset(standing.groups_of(run)),
            actor=run.actor,
        )
        figures = {name: getattr(run, name) for name in standing.FIGURES}
        _tell_end(
            held,
            OptimizationProgress.checked(
                figures
                | {"optimization_id": optimization_id, "status": "failed", "reason": LOST}
                | {"metrics": standing.metrics_of(run)}
            ),
        )
    return True


def _tell_end(held: Held, payload: OptimizationProgress) -> None:
    draft = _draft(held, payload)
    log.append([draft])
    standing.take_down(payload, draft)


def _draft(held: Held, payload: OptimizationProgress) -> log.Draft:
    data = cleaned(plain(payload.model_dump()))
    return log.Draft(type=payload.type, data=data, groups=held.groups, actor=held.actor)


_IS_OURS: Final = "optimization_id = %s AND holder = %s AND lease_until IS NOT NULL"


def _ours(table: Table, held: Held) -> list[Any]:
    return [held.optimization_id, table.value("holder", held.holder)]


def _table() -> Table:
    return Table(OptimizationRun)

"""The ground everything stands on: settings, the database, its tables and its clock."""

from __future__ import annotations

import time
from typing import Any, Final

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from scheduler_realtime import clock, files, log
from scheduler_realtime.conf import conf

from .findings import Finding, failed, passed, since

APP: Final = "scheduler_realtime"

ROUND_TRIP_MS: Final = 50.0
"""A database that takes longer for `SELECT 1` is on the other side of the world, or overloaded."""

CLOCK_SLOW: Final = 2.0
CLOCK_FAILED: Final = 30.0
"""Seconds by which clocks may differ: a ticket lives for 30."""


def is_configured() -> bool:
    """Whether the settings can be used at all."""
    try:
        conf()
    except ImproperlyConfigured:
        return False
    return True


def settings() -> Finding:
    """What the system checks of this app say."""
    begun = time.monotonic()
    found = [each for each in checks.run_checks(tags=[APP]) if not each.is_silenced()]
    errors = sorted(
        (each for each in found if each.level >= checks.ERROR), key=lambda each: str(each.id)
    )
    if errors:
        more = f" And {len(errors) - 1} more: `manage.py check`." if len(errors) > 1 else ""
        return failed("settings", f"{errors[0].id}: {errors[0].msg}{more}", str(errors[0].hint))
    warned = f", {len(found)} warnings: `manage.py check`" if found else ""
    says = f"The system checks find no error{warned}."
    return Finding(station="settings", state="ok", says=says, ms=since(begun))


def database() -> Finding:
    """Whether it answers, and how fast."""
    files.leave_replaced()
    connection = connections[log.database()]
    connection.ensure_connection()
    begun = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    took = since(begun)
    if connection.vendor == "sqlite" and (journal := _journal(connection)) == "delete":
        return Finding(
            station="database",
            state="slow",
            says=f"SQLite's journal is {journal!r}: who reads waits for who writes.",
            remedy='Add "init_command": "PRAGMA journal_mode=WAL" to the OPTIONS of the database.',
            ms=took,
        )
    version = ".".join(map(str, connection.get_database_version()))
    return passed(
        "database",
        took,
        f"{connection.display_name} {version} answers.",
        if_slow="Bring the database closer, or relieve it: every message needs some round trips.",
        slow_ms=ROUND_TRIP_MS,
    )


def _journal(connection: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        return str(cursor.fetchone()[0]).lower()


def migrations() -> Finding:
    """Whether all of ours are applied."""
    executor = MigrationExecutor(connections[log.database()])
    ours = [leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] == APP]
    missing = [each.name for each, _ in executor.migration_plan(ours) if each.app_label == APP]
    if missing:
        said = f"{len(missing)} not applied, from {missing[0]} on."
        return failed("migrations", said, f"Run `manage.py migrate {APP}`.")
    return Finding(station="migrations", state="ok", says="All are applied.")


def clocks() -> Finding:
    """How far this machine's clock is from the database's."""
    state = log.state()
    if connections[log.database()].vendor not in clock.SQL:
        return Finding(station="clock", state="ok", says="The database has this machine's clock.")
    ahead = (timezone.now() - clock.now()).total_seconds()
    if abs(ahead) < CLOCK_SLOW:
        says = f"It agrees with the database's. The log ends at position {state.head}."
        return Finding(station="clock", state="ok", says=says)
    return Finding(
        station="clock",
        state="failed" if abs(ahead) >= CLOCK_FAILED else "slow",
        says=f"This machine is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the"
        " database: tokens end too early or too late here.",
        remedy="Set the clock by NTP, here and on the database's machine.",
    )

"""Who lives: the nodes whose lease runs, their sockets and the users behind them, for every door.

After `kill -9` a process's sockets are shown until its lease has ended, and from that very moment
nowhere: whether they were swept away by then makes no difference.
"""

from __future__ import annotations

import datetime as dt

from django.db import connections
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from . import clock, log
from .models import Connection, Node, Presence


def nodes() -> QuerySet[Node]:
    """The processes that hold sockets."""
    return Node.objects.using(log.database()).filter(lease_until__gt=_now())


def sockets() -> QuerySet[Connection]:
    """The sockets of those."""
    return Connection.objects.using(log.database()).filter(node__lease_until__gt=_now())


def users() -> QuerySet[Presence]:
    """The users of those. Whoever is in the grace is no more, or not yet again."""
    own = sockets().filter(user=OuterRef("pk")).order_by()
    return Presence.objects.using(log.database()).filter(Exists(own), left_at=None)


def _now() -> Now | dt.datetime:
    """By the database's clock, which a process without a hub may never have looked at."""
    if connections[log.database()].vendor == "postgresql":
        return Now()
    return clock.now()  # this machine's own: what `Now` makes of it is UTC, whatever USE_TZ says

"""Who lives: the nodes whose lease runs, their sockets and the users behind them, for every door.

After `kill -9` a process's sockets are shown until its lease has ended, and from that very moment
nowhere: whether they were swept away by then makes no difference. It is the database's own clock
that says so, as processes without a hub may have looked at no other.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from . import log
from .models import Connection, Node, Presence


def nodes() -> QuerySet[Node]:
    """The processes that hold sockets."""
    return Node.objects.using(log.database()).filter(lease_until__gt=Now())


def sockets() -> QuerySet[Connection]:
    """The sockets of those."""
    return Connection.objects.using(log.database()).filter(node__lease_until__gt=Now())


def users() -> QuerySet[Presence]:
    """The users of those. Whoever is in the grace is no more, or not yet again."""
    own = sockets().filter(user=OuterRef("pk")).order_by()
    return Presence.objects.using(log.database()).filter(Exists(own), left_at=None)

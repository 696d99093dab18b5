"""Recipients: the users a message has reached, with when each got and acknowledged it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from . import log
from .judging import audience_of
from .log import Filed
from .models import Position, Receipt


def recipients_of(message: Filed) -> QuerySet[Any]:
    """The users who got it, each with `delivered_at` and `acknowledged_at`, which may be None.

    For a message that need not be acknowledged only that somebody has read on beyond it is
    known, and not when.
    """
    alias = log.database()
    own = Receipt.objects.using(alias).filter(message_id=message.id, user_id=OuterRef("pk"))
    users = (
        get_user_model()
        ._default_manager.using(alias)
        .annotate(
            delivered_at=Subquery(own.values("delivered_at")[:1]),
            acknowledged_at=Subquery(own.values("acknowledged_at")[:1]),
        )
    )
    got = Q(delivered_at__isnull=False)
    if not message.ack_required:
        beyond = Position.objects.using(alias).filter(
            user_id=OuterRef("pk"), epoch=log.state().epoch, position__gte=message.position
        )
        got |= Q(Exists(beyond), pk__in=audience_of(message))
    return users.filter(got)

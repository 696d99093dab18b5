"""Messages over REST: reading the log, acknowledging, and who got what."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.http import Http404
from django.utils.decorators import method_decorator
from rest_framework.decorators import action
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from scheduler_realtime import deliveries, history, log, receipts
from scheduler_realtime.identity import WATCHING, identity_of
from scheduler_realtime.receipts import Claim
from scheduler_realtime.recipients import recipients_of

from .base import Holds, RealtimeViewSet
from .pages import RealtimePagination
from .serializers import (
    AcknowledgedSerializer,
    HistorySerializer,
    MessageQuery,
    ReceiptSerializer,
)


class MayWatchReceipts(Holds):
    """Holders of `scheduler_realtime.view_receipt`."""

    permission = WATCHING


class MessageViewSet(RealtimeViewSet):
    """What the user may see of the log, and what the user says of it."""

    serializer_class = HistorySerializer
    lookup_value_regex = "[^/]+"
    pagination_class: ClassVar[type[CursorPagination]] = RealtimePagination

    # A transaction would hold its connection, and its view of the log, for as long as it waits.
    @method_decorator(transaction.non_atomic_requests)
    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """As DRF's, outside `ATOMIC_REQUESTS`."""
        return super().dispatch(request, *args, **kwargs)

    def list(self, request: Request) -> Response:
        """A page of the log in order; with `wait`, an empty one only after so many seconds."""
        query = MessageQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        found = history.wait_for_excerpt(identity_of(request.user), **query.validated_data)
        is_resumed = query.validated_data["after"] is not None
        answer = vars(found) | {"recovered": found.reason is None if is_resumed else None}
        return Response(HistorySerializer(answer).data)

    @action(detail=True, methods=["post"])
    def ack(self, request: Request, pk: str) -> Response:
        """Acknowledge a message on all of the user's devices."""
        user = identity_of(request.user)
        position = _position(pk)
        claim = Claim(user_id=user.user_id, groups=user.groups, positions=frozenset({position}))
        outcome = receipts.acknowledge([claim])
        if position not in outcome.taken[claim]:
            raise Http404
        deliveries.announce(outcome, "acknowledged")
        answer = {"acknowledged": [position], "unknown": []}
        return Response(AcknowledgedSerializer(answer).data)

    @action(detail=True, permission_classes=[IsAuthenticated, MayWatchReceipts])
    def receipts(self, request: Request, pk: str) -> Response:
        """Who got a message, who acknowledged it, and when."""
        position = _position(pk)
        message = log.at_positions([position]).get(position)
        if message is None:
            raise Http404
        pages = self.pagination_class()
        page = pages.paginate_queryset(recipients_of(message), request, self)
        return pages.get_paginated_response(ReceiptSerializer(page, many=True).data)


def _position(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(log.MOST))):
        raise Http404
    return int(text)

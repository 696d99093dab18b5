"""Messages over REST: reading the log, acknowledging, and who got what."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.http import Http404
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.decorators import action
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from scheduler_realtime import deliveries, history, log, receipts
from scheduler_realtime.identity import identity_of
from scheduler_realtime.judging import Jury
from scheduler_realtime.permissions import WATCHING
from scheduler_realtime.receipts import Claim
from scheduler_realtime.recipients import recipients_of
from scheduler_realtime.schemas import described

from .base import Holds, RealtimeViewSet
from .pages import RealtimePagination
from .serializers import (
    AcknowledgedSerializer,
    HistorySerializer,
    MessageQuery,
    ReceiptSerializer,
)

_POSITION = OpenApiParameter(
    "id",
    {"type": "integer", "minimum": 1, "maximum": log.MOST},
    OpenApiParameter.PATH,
    description="The message's position.",
    examples=[OpenApiExample("A message", 1)],
)


class MayWatchReceipts(Holds):
    """Holders of `scheduler_realtime.view_receipt`."""

    permission = WATCHING


class MessageViewSet(RealtimeViewSet):
    """What the user may see of the log, and what the user says of it."""

    serializer_class = HistorySerializer
    # Whatever else is no position is answered by us, in JSON.
    lookup_value_regex = "[^/]+"
    pagination_class: ClassVar[Any] = None
    """Of receipts; the log has pages of its own."""

    # A transaction would hold its connection, and its view of the log, for as long as it waits.
    @method_decorator(transaction.non_atomic_requests)
    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """As DRF's, outside `ATOMIC_REQUESTS`."""
        return super().dispatch(request, *args, **kwargs)

    @described(
        operation_id="messages",
        parameters=[MessageQuery],
        responses=HistorySerializer,
    )
    def list(self, request: Request) -> Response:
        """A page of the log in order; with `wait`, an empty one only after so many seconds."""
        # Of a form, as DRF takes a query for, an empty value would count as left out.
        query = MessageQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = history.wait_for_excerpt(identity_of(request.user), **query.validated_data)
        is_resumed = query.validated_data["after"] is not None
        answer = vars(found) | {"recovered": found.reason is None if is_resumed else None}
        return Response(HistorySerializer(answer).data)

    @described(
        operation_id="acknowledge",
        parameters=[_POSITION],
        request=None,
        responses=AcknowledgedSerializer,
    )
    @action(detail=True, methods=["post"])
    def ack(self, request: Request, pk: str) -> Response:
        """Acknowledge a message on all of the user's devices."""
        user = identity_of(request.user)
        position = _position(pk)
        claim = Claim(user_id=user.user_id, groups=user.groups, positions=frozenset({position}))
        outcome = receipts.acknowledge([claim], sees=Jury().sees)
        if position not in outcome.taken[claim]:
            raise Http404
        deliveries.announce(outcome, "acknowledged")
        answer = {"acknowledged": [position], "unknown": []}
        return Response(AcknowledgedSerializer(answer).data)

    @described(
        operation_id="receipts", parameters=[_POSITION], responses=ReceiptSerializer(many=True)
    )
    @action(
        detail=True,
        permission_classes=[IsAuthenticated, MayWatchReceipts],
        pagination_class=RealtimePagination,
    )
    def receipts(self, request: Request, pk: str) -> Response:
        """Who got a message, who acknowledged it, and when."""
        position = _position(pk)
        message = log.at_positions([position]).get(position)
        if message is None:
            raise Http404
        pages: CursorPagination = self.pagination_class()
        page = pages.paginate_queryset(recipients_of(message), request, self)
        return pages.get_paginated_response(ReceiptSerializer(page, many=True).data)


def _position(text: str) -> int:
    """The position in a path. Whatever else stands there is a message that there is not."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(log.MOST))):
        raise Http404
    return int(text)

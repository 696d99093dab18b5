"""Messages over REST: reading the log, acknowledging, and who got what."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.http import Http404
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiParameter
from rest_framework.decorators import action
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scheduler_realtime import deliveries, history, log, receipts
from scheduler_realtime.identity import WATCHING, identity_of
from scheduler_realtime.receipts import Claim
from scheduler_realtime.recipients import recipients_of
from scheduler_realtime.schemas import described

from .base import RealtimeViewSet
from .serializers import (
    AcknowledgementSerializer,
    ExcerptSerializer,
    MessageQuery,
    ReceiptSerializer,
)

_POSITION = OpenApiParameter(
    "id",
    {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    OpenApiParameter.PATH,
    description="The message's position.",
)

_DIGITS = 19
"""Of the largest position that a log can have."""


class MayWatchReceipts(BasePermission):
    """Holders of `scheduler_realtime.view_receipt`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the user holds it."""
        return bool(request.user.has_perm(WATCHING))


class ReceiptPagination(CursorPagination):
    """Receipts by user, a hundred at a time."""

    ordering = "pk"
    page_size = 100


class MessageViewSet(RealtimeViewSet):
    """What the user may see of the log, and what the user says of it."""

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
        responses=ExcerptSerializer,
    )
    def list(self, request: Request) -> Response:
        """A page of the log in order; with `wait`, an empty one only after so many seconds."""
        # Of a form, as DRF takes a query for, an empty value would count as left out.
        query = MessageQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = history.wait_for_excerpt(identity_of(request.user), **query.validated_data)
        is_resumed = query.validated_data["after"] is not None
        return Response(
            {
                "epoch": found.epoch,
                "head": found.head,
                "position": found.position,
                "has_more": found.has_more,
                "recovered": found.reason is None if is_resumed else None,
                "reason": found.reason,
                "results": found.results,
            }
        )

    @described(
        operation_id="acknowledge",
        parameters=[_POSITION],
        request=None,
        responses=AcknowledgementSerializer,
    )
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
        return Response({"acknowledged": [position], "unknown": []})

    @described(
        operation_id="receipts",
        parameters=[_POSITION],
        responses=ReceiptSerializer(many=True),
    )
    @action(
        detail=True,
        permission_classes=[IsAuthenticated, MayWatchReceipts],
        pagination_class=ReceiptPagination,
    )
    def receipts(self, request: Request, pk: str) -> Response:
        """Who got a message, who acknowledged it, and when."""
        message = log.at_positions([_position(pk)]).get(_position(pk))
        if message is None:
            raise Http404
        pages: CursorPagination = self.pagination_class()
        page = pages.paginate_queryset(recipients_of(message), request, self)
        return pages.get_paginated_response(ReceiptSerializer(page, many=True).data)


def _position(text: str) -> int:
    """The position in a path. Whatever else stands there is a message that there is not."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise Http404
    return int(text)

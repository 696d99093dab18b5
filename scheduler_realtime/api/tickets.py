"""Tickets over REST: the way of browsers, which can put no token into a header of a handshake."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED

from scheduler_realtime import tickets
from scheduler_realtime.claims import Claims, claims_in, claims_of_session
from scheduler_realtime.schemas import described

from .base import RealtimeThrottle, RealtimeViewSet
from .serializers import TicketSerializer


class TicketThrottle(RealtimeThrottle):
    """For those who ask for tickets."""

    scope = "scheduler_realtime_ticket"
    setting = "TICKETS_PER_MINUTE"


class TicketViewSet(RealtimeViewSet):
    """Gives out tickets."""

    serializer_class = TicketSerializer
    throttle_classes = [TicketThrottle]

    @described(operation_id="ticket", request=None, responses={201: TicketSerializer})
    def create(self, request: Request) -> Response:
        """A ticket for the user of the request. The socket ends when the request's own right does."""
        ticket = tickets.issue(self.claims(request))
        answer = {"ticket": ticket, "expires_in": tickets.LIFETIME}
        return Response(TicketSerializer(answer).data, status=HTTP_201_CREATED)

    def claims(self, request: Request) -> Claims:
        """What the ticket says: for a host with other ways to authenticate, to override."""
        token: Any = request.auth
        if token is not None:
            return claims_in(token)
        return claims_of_session(request.user, request.session)

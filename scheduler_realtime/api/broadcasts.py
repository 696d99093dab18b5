"""Broadcasting over REST: a message of any type to users, roles or everyone, and notifications."""

from __future__ import annotations

import json
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.status import HTTP_201_CREATED
from rest_framework.views import APIView

from scheduler_realtime import registry
from scheduler_realtime.clean_text import cleaned
from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.frames import redacted
from scheduler_realtime.messages import (
    TYPES,
    EmergencyAlert,
    Payload,
    ScheduleUpdate,
    SystemNotification,
    envelope,
    faults_in,
    protected_by_setting,
)
from scheduler_realtime.models import Message
from scheduler_realtime.permissions import ALERTING, BROADCASTING, CLEARANCE
from scheduler_realtime.publishing import publish
from scheduler_realtime.schemas import SENT, described
from scheduler_realtime.wire import plain

from .base import Holds, RealtimeThrottle, RealtimeViewSet, holds
from .receivers import BroadcastSerializer, NotificationSerializer

_SENT = OpenApiResponse(SENT, "The message as it will be heard.")


class MayBroadcast(Holds):
    """Holders of `scheduler_realtime.broadcast_message`."""

    permission = BROADCASTING


class BroadcastThrottle(RealtimeThrottle):
    """For those who send."""

    scope = "scheduler_realtime_broadcast"
    setting = "BROADCASTS_PER_MINUTE"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Never refuse an emergency alert of somebody who may send one, though it counts."""
        return super().allow_request(request, view) or _is_alert(request)


def _is_alert(request: Request) -> bool:
    try:
        asked = request.data
    except APIException:
        return False
    is_alert = isinstance(asked, dict) and asked.get("type") == EmergencyAlert.type
    return is_alert and holds(request.user, ALERTING)


class BroadcastViewSet(RealtimeViewSet):
    """Sends messages. What is refused is neither stored nor sent."""

    permission_classes = [IsAuthenticated, MayBroadcast]
    serializer_class = BroadcastSerializer
    throttle_classes = [BroadcastThrottle]

    @described(operation_id="broadcast", request=BroadcastSerializer, responses={201: _SENT})
    def create(self, request: Request) -> Response:
        """Send a message of any type: its envelope, without a position yet."""
        asked = _checked(BroadcastSerializer, request)
        type_, data = asked.pop("type"), asked.pop("data")
        user_id = asked.pop("user_id")
        if type_ == EmergencyAlert.type or user_id not in {None, plain(request.user.pk)}:
            _demand_alerting(request)
        return _sent(request, type_, data, asked, user_id=user_id)

    @described(operation_id="notify_system", request=NotificationSerializer, responses={201: _SENT})
    def notify(self, request: Request) -> Response:
        """Send a system notification, likewise."""
        asked = _checked(NotificationSerializer, request)
        names = [name for name in NotificationSerializer.DATA if name in asked]
        data = {name: asked.pop(name) for name in names}
        return _sent(request, SystemNotification.type, data, asked)


def _demand_alerting(request: Request) -> None:
    if not holds(request.user, ALERTING):
        raise PermissionDenied("An emergency alert, or another's name, takes another permission.")


def _checked(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = kind(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _sent(
    request: Request,
    type_: str,
    data: dict[str, Any],
    facts: dict[str, Any],
    *,
    user_id: int | str | None = None,
) -> Response:
    if faults := faults_in(TYPES[type_], data):
        raise ValidationError(faults)
    payload = TYPES[type_].checked(data)
    actor = plain(request.user.pk) if user_id is None else user_id
    try:
        message = publish(payload, user_id=actor, protected=_protected(payload), **facts)
    except InvalidMessage as error:
        raise ValidationError({error.path: [error.reason]}) from None
    return Response(_envelope(request, payload, message, actor), status=HTTP_201_CREATED)


def _protected(payload: Payload) -> frozenset[str]:
    """What the host's binding protects, whoever tells of the change."""
    if not isinstance(payload, ScheduleUpdate):
        return frozenset()
    return registry.protected_names(payload.model)


def _envelope(
    request: Request, payload: Payload, message: Message | None, user_id: Any
) -> dict[str, Any]:
    """As a socket of the sender will have it, but without the position a relay has still to give.

    Answers are kept and logged on their way more often than what was asked.
    """
    data = json.loads(message.body) if message else cleaned(plain(payload.model_dump()))
    if not holds(request.user, CLEARANCE):
        own = payload.protected | _protected(payload) | protected_by_setting(payload.type)
        data = redacted(payload.type, data, own)
    frame = envelope(
        payload.type,
        data,
        timestamp=message.created_at if message else timezone.now(),
        key=str(message.key) if message else None,
        user_id=user_id,
    )
    return {"id": None} | frame

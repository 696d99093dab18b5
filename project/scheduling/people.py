"""The people of the hospital over REST: who is asking and what they may do, and everybody's name."""

from typing import Any

from django.contrib.auth.models import User
from django.http import Http404
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .serializers import display_name

ASKED_FOR = {
    "change": "scheduling.change_surgery",
    "see_receipts": "scheduler_realtime.view_receipt",
}
"""What the board draws for those alone who may do it."""


class Me(APIView):
    """Who is asking: `{"id", "name", "may": {"change", "see_receipts"}}`."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        user: Any = request.user
        may = {name: user.has_perm(permission) for name, permission in ASKED_FOR.items()}
        return Response({"id": user.pk, "name": display_name(user), "may": may})


class People(APIView):
    """The names of those who may cause a change, by user id, for those who may see surgeries."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        if not request.user.has_perm("scheduling.view_surgery"):
            raise Http404
        return Response({str(user.pk): display_name(user) for user in User.objects.all()})

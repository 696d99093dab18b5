"""The people of the hospital over REST: who is asking and what they may do, and everybody's name."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import Surgery
from .serializers import display_name


class Me(APIView):
    """Who is asking: `{"id", "name", "may": {"change"}}`, of what the board offers to some alone."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        user: Any = request.user
        may = {"change": user.has_perm("scheduling.change_surgery")}
        return Response({"id": user.pk, "name": display_name(user), "may": may})


class People(APIView):
    """The names of those who may cause a change, by user id, for those who may see surgeries."""

    queryset = Surgery.objects.none()  # by which `ModelPermissions` knows what it takes

    def get(self, request: Request) -> Response:
        return Response({str(user.pk): display_name(user) for user in User.objects.all()})

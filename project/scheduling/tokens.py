"""Refreshing a token, also when its user is gone."""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.serializers import TokenRefreshSerializer


class RefreshSerializer(TokenRefreshSerializer):
    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        # Simplejwt looks the user up without expecting to miss, which would answer 500.
        try:
            return super().validate(attrs)
        except ObjectDoesNotExist:
            raise InvalidToken("The user of this token does not exist any more.") from None

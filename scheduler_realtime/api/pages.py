"""Cursor pages: lists a piece at a time, which neither repeat nor skip while rows come and go."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView


class RealtimePagination(CursorPagination):
    """A hundred at a time, by primary key. A cursor that was tampered with is not found."""

    ordering: Any = "pk"
    page_size = 100
    # A thousand sockets may have come in one moment, and a moment is where a cursor stands.
    offset_cutoff = 10_000

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """As DRF's, which answers 500 to a cursor whose position is no value of its column."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, OverflowError, ValidationError):
            raise NotFound(self.invalid_cursor_message) from None

    def decode_cursor(self, request: Request) -> Any:
        """As DRF's, but for NUL, which PostgreSQL does not compare with anything."""
        cursor = super().decode_cursor(request)
        if cursor is not None and "\x00" in str(cursor.position):
            raise NotFound(self.invalid_cursor_message)
        return cursor

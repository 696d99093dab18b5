"""The Django middleware that remembers who causes what happens during a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from .actor import asking


class ActorMiddleware:
    """Put it behind `AuthenticationMiddleware`. Works in sync and in async stacks.

    The user is looked at only when something is written, so that whom DRF authenticates by a
    token, deep in a view, counts as well.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self):
            return self._awaited(request)
        with asking(lambda: getattr(request, "user", None)):
            return self.get_response(request)

    async def _awaited(self, request: HttpRequest) -> Any:
        with asking(lambda: getattr(request, "user", None)):
            return await self.get_response(request)  # type: ignore[misc]  # async, as was asked

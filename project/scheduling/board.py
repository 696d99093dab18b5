"""The page that shows a day by room and changes by itself."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

# Nothing inline and nothing from elsewhere; 'self' covers the page's own socket.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


@require_safe
def board(request: HttpRequest) -> HttpResponse:
    context = {"today": timezone.localdate().isoformat(), "time_zone": settings.TIME_ZONE}
    response = render(request, "scheduling/board.html", context)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response

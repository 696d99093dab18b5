"""The page that shows a day by room and changes by itself."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from . import staff
from .models import Surgery

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
    context = {
        "time_zone": settings.TIME_ZONE,
        "statuses": Surgery.Status.choices,
        # Only the demo tells everybody how to get in, and it runs with DEBUG on.
        "logins": [login.username for login in staff.LOGINS] if settings.DEBUG else [],
        "password": staff.PASSWORD,
    }
    response = render(request, "scheduling/board.html", context)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response

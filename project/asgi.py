"""The ASGI application: HTTP goes to Django, sockets to the addon, static files to DEBUG alone."""

import os

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

django_application = get_asgi_application()

# Models can be imported only once Django is set up, which the line above does.
from scheduler_realtime.routing import RealtimeApplication  # noqa: E402

if settings.DEBUG:
    django_application = ASGIStaticFilesHandler(django_application)

application = RealtimeApplication(django_application)

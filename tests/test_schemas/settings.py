"""The demo's settings for a server that is asked thousands of things: without throttles' memory."""

from project.settings import *  # noqa: F403

CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

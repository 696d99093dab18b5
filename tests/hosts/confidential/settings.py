"""The demo's settings with a host whose binding names a permission, and judges for itself."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.hosts.confidential"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

"""The demo's settings for the tests' own process, on the backend that TEST_BACKEND names."""

from pathlib import Path

from tests.harness import backend

backend.settle_environment()

from project.settings import *  # noqa: E402, F403
from project.settings import DATABASES, INSTALLED_APPS  # noqa: E402

if backend.name() == "sqlite":
    # Django would test in memory, where each thread has a database of its own.
    folder = Path(DATABASES["default"]["NAME"]).parent
    DATABASES["default"]["TEST"] = {"NAME": str(folder / "test.sqlite3")}

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "rest_framework_simplejwt.token_blacklist",
    "tests.hosts",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

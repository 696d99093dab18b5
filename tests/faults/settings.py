"""The demo's settings with one app more: the host whose changes the fault suite judges."""

import os

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.host"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Who tells of the changes: `addon`, or the dotted path of a control's function that connects it.
FAULTS_TOLD_BY = os.environ.get("FAULTS_TOLD_BY", "addon")

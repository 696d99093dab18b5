"""Migrates and seeds the database of DATABASE_URL, and prints the users' ids as JSON.

Run as `python -m tests.harness.prepare_database`: one process where three commands would do.
"""

import json
import sys

import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)

    from django.contrib.auth import get_user_model
    from django.utils import timezone

    from project.scheduling import seed
    from scheduler_realtime.models import Message
    from tests.harness import pristine

    seed.open_day(timezone.localdate())
    # The seeding is no news to anybody who connects in a test.
    Message.objects.all().delete()
    pristine.remember()
    users = get_user_model().objects.values_list("username", "pk")
    sys.stdout.write(json.dumps(dict(users)))


if __name__ == "__main__":
    main()

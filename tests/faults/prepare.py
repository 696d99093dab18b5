"""Makes the suite's database: migrated, with the ledger, people in roles, and the first cases.

Run as `python -m tests.faults.prepare`; prints the ids of the users as JSON.
"""

import json
import sys
from typing import Final

import django
from django.core.management import call_command
from django.db import connection

ROLES: Final = ("r0", "r1", "r2", "r3")
USERS: Final = 12
CASES: Final = 120


def main() -> None:
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)

    from scheduler_realtime.models import Message
    from tests.faults import ledger
    from tests.faults.controls import polling

    users = _users()
    _cases(users)
    Message.objects.all().delete()  # what there was before anybody connected is no news
    with connection.cursor() as cursor:
        cursor.execute(ledger.SQL)
        cursor.execute(polling.SQL)
    sys.stdout.write(json.dumps(users))


def _users() -> dict[str, int]:
    from django.contrib.auth.models import Group, User

    groups = {name: Group.objects.create(name=name) for name in ROLES}
    users = [User.objects.create(username=f"u{number}") for number in range(USERS)]
    for number, user in enumerate(users):
        user.groups.add(*(groups[name] for name in roles_of(number)))
    return {user.username: user.pk for user in users}


def roles_of(number: int) -> list[str]:
    """Each user has one role, the last one none and the last but one two."""
    if number == USERS - 1:
        return []
    own = ROLES[number % len(ROLES)]
    return [own, ROLES[0]] if number == USERS - 2 else [own]


def _cases(users: dict[str, int]) -> None:
    from tests.faults.host.models import Case

    words = audiences(users)
    Case.objects.bulk_create(
        [
            Case(audience=words[number % len(words)], token=f"first-{number}")
            for number in range(CASES)
        ]
    )


def audiences(users: dict[str, int]) -> list[str]:
    """What a case may have, as often as it should: a third each for everyone, a role, a user."""
    keys = list(users.values())
    roles = [f"role:{name}" for name in ROLES]
    both = [f"{role} user:{keys[-1]}" for role in roles[:2]]
    return [*["everyone"] * 12, *roles * 2, *both, *(f"user:{key}" for key in keys)]


if __name__ == "__main__":
    main()

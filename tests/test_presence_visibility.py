"""Who may see who is here: everyone, those who share a role, or the holders of a permission."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler_realtime import checks, clock, presence
from scheduler_realtime.claims import claims_of
from scheduler_realtime.identity import identities, identity_of
from scheduler_realtime.models import Presence

pytestmark = pytest.mark.django_db

PERMISSION = "scheduler_realtime.view_connection"


@pytest.fixture
def people(settings: Any) -> dict[str, User]:
    """Two nurses, one of them with the permission, and a Nurse, who is none; all are here."""
    users = {}
    permission = Permission.objects.get(codename="view_connection")
    for name, role in (("ann", "nurse"), ("bob", "nurse"), ("cem", "Nurse")):
        user = users[name] = User.objects.create(username=name)
        user.groups.add(Group.objects.get_or_create(name=role)[0])
        Presence.objects.create(
            user=user,
            username=name,
            roles=f'["{role}"]',
            connection_id="0" * 32,
            joined_at=clock.now(),
        )
    users["bob"].user_permissions.add(permission)
    return users


CASES: list[tuple[str, dict[str, str]]] = [
    ("everyone", {"ann": "ann bob cem", "bob": "ann bob cem", "cem": "ann bob cem"}),
    ("role", {"ann": "ann bob", "bob": "ann bob", "cem": "cem"}),
    (PERMISSION, {"ann": "ann", "bob": "ann bob cem", "cem": "cem"}),
    ("nobody.has_it", {"ann": "ann", "bob": "bob", "cem": "cem"}),
    ("nonsense", {"ann": "ann", "bob": "bob", "cem": "cem"}),
]


@pytest.mark.parametrize(("setting", "expected"), CASES)
def test_a_query_and_a_frame_agree_on_who_sees_whom(
    people: dict[str, User], settings: Any, setting: str, expected: dict[str, str]
) -> None:
    settings.SCHEDULER_REALTIME = {"PRESENCE_VISIBLE_TO": setting}

    known = {name: identity_of(User.objects.get(pk=user.pk)) for name, user in people.items()}
    asked = {
        name: " ".join(sorted(each.username for each in presence.seen_by(viewer)))
        for name, viewer in known.items()
    }
    told = {
        name: " ".join(
            other
            for other, them in sorted(known.items())
            if not presence.hearers(them.user_id, them.roles).isdisjoint(viewer.groups)
        )
        for name, viewer in known.items()
    }

    assert asked == told == expected


def test_a_permission_costs_no_query_more_at_a_handshake(
    people: dict[str, User], settings: Any
) -> None:
    claims = [claims_of(user, until=9e9) for user in people.values()]
    counts = []
    for setting in ("everyone", PERMISSION):
        settings.SCHEDULER_REALTIME = {"PRESENCE_VISIBLE_TO": setting}
        with CaptureQueriesContext(connection) as queries:
            identities(claims)
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.parametrize("setting", ["somebody", "Everyone", "a.b.c", "", "role "])
def test_a_setting_that_says_nothing_is_an_error(settings: Any, setting: str) -> None:
    settings.SCHEDULER_REALTIME = {"PRESENCE_VISIBLE_TO": setting}

    with pytest.raises(ImproperlyConfigured, match="PRESENCE_VISIBLE_TO"):
        presence.check()
    assert [error.id for error in checks.check_settings()] == ["scheduler_realtime.E002"]


@pytest.mark.parametrize("setting", ["everyone", "role", PERMISSION])
def test_a_setting_that_says_something_is_none(settings: Any, setting: str) -> None:
    settings.SCHEDULER_REALTIME = {"PRESENCE_VISIBLE_TO": setting}

    assert list(checks.check_settings()) == []

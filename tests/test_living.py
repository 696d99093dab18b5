"""Who lives: by their leases and the database's clock, whoever asks."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from scheduler_realtime import clock, living
from scheduler_realtime.models import Presence
from tests.harness.desk import node, person, presence, socket

pytestmark = pytest.mark.django_db


@pytest.fixture
def nurse() -> User:
    return person("nurse")


def test_a_lease_that_ends_takes_sockets_and_users_along_at_once(nurse: User) -> None:
    alive, dead = node("alive"), node("dead", lease=-0.1)
    surgeon = person("surgeon")
    kept = socket(nurse, alive)
    socket(nurse, dead)
    socket(surgeon, dead)
    presence(nurse)
    presence(surgeon)

    assert list(living.nodes()) == [alive]
    assert list(living.sockets()) == [kept]
    assert [each.user for each in living.users()] == [nurse]


def test_who_is_in_the_grace_does_not_live(nurse: User) -> None:
    socket(nurse, node())
    presence(nurse, left_at=clock.now())

    assert not living.users()
    assert Presence.objects.exists()


@pytest.mark.postgres_only
@pytest.mark.parametrize("ahead", [-60, 60])
def test_a_process_that_never_looked_at_the_databases_clock_is_not_misled_by_its_own(
    nurse: User, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    alive = node()
    socket(nurse, alive)
    socket(nurse, node("dead", lease=-1))
    presence(nurse)
    now = clock.timezone.now()
    monkeypatch.setattr(clock.timezone, "now", lambda: now + timedelta(seconds=ahead))

    assert list(living.nodes()) == [alive]
    assert living.sockets().count() == living.users().count() == 1

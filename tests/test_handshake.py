"""Handshakes: the users of many looked up together, and what goes wrong told as a close code."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from pytest_django import Settings

from scheduler_realtime import TokenRejected, books, close_codes, identity
from scheduler_realtime.claims import Claims
from scheduler_realtime.handshake import JWTAuthMiddleware
from scheduler_realtime.identity import Identity, authenticate
from tests.harness import tokens
from tests.harness.child import REPOSITORY


@pytest.fixture
def nurse(transactional_db: None) -> Iterator[User]:
    """A user that the books thread sees as well."""
    yield User.objects.create_user("nurse")
    asyncio.run(books.close())


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many were looked up, each time."""
    done: list[int] = []

    def counted(claims: Collection[Claims]) -> dict[Claims, Identity | None]:
        done.append(len(claims))
        return original(claims)

    original = identity.identities
    monkeypatch.setattr(identity, "identities", counted)
    return done


async def refused(token: str) -> int:
    with pytest.raises(TokenRejected) as refusal:
        async with asyncio.timeout(10):
            await authenticate(token)
    return refusal.value.close_code


def test_handshakes_of_a_moment_share_a_lookup(nurse: User, lookups: list[int]) -> None:
    async def all_at_once() -> list[Identity]:
        access = [tokens.access(nurse.pk, number=n) for n in range(50)]
        return await asyncio.gather(*(authenticate(token) for token in access))

    assert {found.username for found in asyncio.run(all_at_once())} == {"nurse"}
    assert sum(lookups) <= 50
    assert len(lookups) <= 2


def test_a_handshake_that_is_given_up_takes_no_other_with_it(nurse: User) -> None:
    async def one_of_two() -> Identity:
        token = tokens.access(nurse.pk)
        one, two = (asyncio.create_task(authenticate(token)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        async with asyncio.timeout(10):
            return await two

    assert asyncio.run(one_of_two()).user_id == nurse.pk


def test_one_loop_after_another_is_served(nurse: User) -> None:
    token = tokens.access(nurse.pk)

    assert [asyncio.run(authenticate(token)).user_id for _ in range(2)] == [nurse.pk] * 2


def test_a_lookup_never_takes_the_thread_that_others_share(
    nurse: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    original = identity.identities

    def noting(claims: Collection[Claims]) -> dict[Claims, Identity | None]:
        seen.append(threading.current_thread().name)
        return original(claims)

    monkeypatch.setattr(identity, "identities", noting)

    asyncio.run(authenticate(tokens.access(nurse.pk)))

    assert seen[0].startswith("realtime-books")


def broken_roles(user: User) -> list[str]:
    raise LookupError("no such person")


def test_whom_the_hosts_code_fails_for_is_told_to_come_back(
    nurse: User, settings: Settings
) -> None:
    settings.SCHEDULER_REALTIME = {"ROLES": "tests.test_handshake.broken_roles"}

    assert asyncio.run(refused(tokens.access(nurse.pk))) == close_codes.AT_CAPACITY


def test_while_the_database_is_out_everybody_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def out(claims: Collection[Claims]) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(identity, "identities", out)

    assert asyncio.run(refused(tokens.access(7))) == close_codes.AT_CAPACITY
    asyncio.run(books.close())


@pytest.mark.parametrize(
    ("jwk_url", "is_elsewhere"), [("https://keys.example", True), (None, False)]
)
def test_a_key_that_must_be_fetched_is_fetched_beside_the_loop(
    jwk_url: str | None, is_elsewhere: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "JWK_URL": jwk_url}
    seen: list[threading.Thread] = []

    def noting(token: str) -> Claims:
        seen.append(threading.current_thread())
        raise TokenRejected("no", close_code=close_codes.UNAUTHENTICATED)

    monkeypatch.setattr(identity, "verify", noting)

    asyncio.run(refused("a"))

    assert (seen[0] is not threading.main_thread()) is is_elsewhere


# The middleware.


def passed_on(headers: list[tuple[bytes, bytes]]) -> Any:
    """What the middleware hands to the application."""
    seen: dict[str, Any] = {}

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.update(scope)

    given = {"type": "websocket", "headers": headers, "query_string": b"", "subprotocols": []}
    asyncio.run(JWTAuthMiddleware(application)(given, None, None))
    assert "realtime_identity" not in given
    return seen["realtime_identity"]


def test_a_valid_token_becomes_an_identity(nurse: User) -> None:
    header = f"Bearer {tokens.access(nurse.pk)}".encode()

    assert passed_on([(b"authorization", header)]).user_id == nurse.pk


def test_no_credential_is_nobody_yet() -> None:
    assert passed_on([]) is None


def test_a_bad_token_is_passed_on_with_the_code_to_close_with() -> None:
    found = passed_on([(b"authorization", b"Bearer x")])

    assert isinstance(found, TokenRejected)
    assert found.close_code == close_codes.UNAUTHENTICATED


def test_an_inactive_user_is_passed_on_with_the_code_to_close_with(nurse: User) -> None:
    User.objects.update(is_active=False)
    header = f"Bearer {tokens.access(nurse.pk)}".encode()

    assert passed_on([(b"authorization", header)]).close_code == close_codes.FORBIDDEN


# A user model that has next to nothing of Django's own.

PERSONNEL = """
import uuid
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

class Person(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    badge = models.CharField(max_length=20, unique=True)
    USERNAME_FIELD = "badge"
    objects = BaseUserManager()
    class Meta:
        app_label = "personnel"
"""

LOOKING = """
import uuid
from django.conf import settings
settings.configure(
    SECRET_KEY="a key of forty-two characters, and only ours",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "personnel",
                    "rest_framework", "scheduler_realtime"],
    AUTH_USER_MODEL="personnel.Person",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
)
import django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from personnel.models import Person
from rest_framework_simplejwt.tokens import AccessToken
from scheduler_realtime.claims import Claims
from scheduler_realtime.identity import identities, verify

person = Person.objects.create(badge="b-7")
claims = verify(str(AccessToken.for_user(person)))
upper = Claims(user_key=str(person.pk).upper(), expires_at=0, password_mark=None)
other = Claims(user_key="no uuid", expires_at=0, password_mark=None)
found = identities([claims, upper, other])
assert found[other] is None
assert found[upper].user_id == str(person.pk)
assert found[claims].user_id == str(person.pk)
assert found[claims].username == "b-7"
assert found[claims].groups == {"everyone", f"user.{person.pk}"}
assert (found[claims].roles, found[claims].is_cleared, found[claims].is_active) == ((), False, True)
"""


def test_users_of_any_model_and_key_are_found(tmp_path: Path) -> None:
    package = tmp_path / "personnel"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "models.py").write_text(PERSONNEL)

    done = subprocess.run(
        [sys.executable, "-c", LOOKING],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{REPOSITORY}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr

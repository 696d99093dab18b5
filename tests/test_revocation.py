"""Revocation: whom a blacklisted refresh token ends, and whom an ordinary refresh does not."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from rest_framework_simplejwt import serializers
from rest_framework_simplejwt import settings as simplejwt
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from scheduler_realtime import revocation
from scheduler_realtime.claims import Claims, claims_of
from scheduler_realtime.identity import identities, verify


@pytest.fixture
def nurse(db: None) -> User:
    return User.objects.create_user("nurse")


@pytest.fixture(params=[False, True], ids=["blacklisted by logout", "and by rotation"])
def rotates(request: pytest.FixtureRequest, settings: Settings) -> bool:
    monkeypatch = request.getfixturevalue("monkeypatch")
    rotate(settings, monkeypatch, is_on=request.param)
    return bool(request.param)


def rotate(settings: Settings, monkeypatch: pytest.MonkeyPatch, *, is_on: bool = True) -> None:
    """Have each refresh give a new refresh token and blacklist the old one, or not."""
    settings.SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": is_on, "BLACKLIST_AFTER_ROTATION": is_on}
    # simplejwt's own rooms keep the settings that were there when they were imported.
    monkeypatch.setattr(serializers, "api_settings", simplejwt.api_settings)


def issue(user: User, *, ago: float = 0) -> RefreshToken:
    """A login so many seconds ago."""
    refresh = RefreshToken.for_user(user)
    refresh.set_iat(at_time=timezone.now() - timedelta(seconds=ago))
    return refresh


def claims(refresh: RefreshToken, *, ago: float = 0) -> Claims:
    access = refresh.access_token
    access.set_iat(at_time=timezone.now() - timedelta(seconds=ago))
    return verify(str(access))


def is_admitted(who: Claims) -> bool:
    return identities([who])[who] is not None


def test_who_logged_out_is_not_admitted(rotates: bool, nurse: User) -> None:
    refresh = issue(nurse)
    who = claims(refresh)
    before = is_admitted(who)

    refresh.blacklist()

    assert (before, is_admitted(who)) == (True, False)


def test_who_logs_in_again_is_admitted(rotates: bool, nurse: User) -> None:
    issue(nurse).blacklist()
    BlacklistedToken.objects.update(blacklisted_at=timezone.now() - timedelta(seconds=2))

    assert is_admitted(claims(issue(nurse)))


def test_a_logout_elsewhere_asks_for_a_new_token_where_only_a_logout_blacklists(
    rotates: bool, nurse: User
) -> None:
    here, elsewhere = issue(nurse), issue(nurse)
    who = claims(here)

    elsewhere.blacklist()

    assert is_admitted(who) is rotates


def test_an_ordinary_refresh_ends_nobody(
    nurse: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(settings, monkeypatch)
    refresh = issue(nurse)
    old = claims(refresh)

    answer = TokenRefreshSerializer().validate({"refresh": str(refresh)})

    assert BlacklistedToken.objects.exists()
    assert is_admitted(old)
    assert is_admitted(verify(answer["access"]))


def test_a_logout_after_refreshes_ends_them_all(
    nurse: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(settings, monkeypatch)
    refresh = issue(nurse)
    answer = TokenRefreshSerializer().validate({"refresh": str(refresh)})

    RefreshToken(answer["refresh"]).blacklist()

    assert not is_admitted(verify(answer["access"]))


def test_a_token_that_expired_says_nothing(rotates: bool, nurse: User) -> None:
    refresh = issue(nurse)
    refresh.blacklist()
    OutstandingToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert is_admitted(claims(refresh))


def test_a_session_outlives_every_token(rotates: bool, nurse: User) -> None:
    issue(nurse).blacklist()

    assert is_admitted(claims_of(nurse, until=4_000_000_000, session_key="a key"))


def test_nobody_elses_logout_matters(rotates: bool, nurse: User) -> None:
    issue(User.objects.create_user("other")).blacklist()

    assert is_admitted(claims(issue(nurse), ago=60))


@pytest.mark.django_db
def test_without_a_blacklist_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda name: name != revocation.APP)

    with CaptureQueriesContext(connection) as asked:
        found = revocation.logouts([1, 2])

    assert (found, len(asked)) == ({}, 0)

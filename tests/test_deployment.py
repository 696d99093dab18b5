"""Deployment checks: each finds what should not be put before strangers, and only when deploying."""

from importlib import metadata
from typing import Any

import pytest
from django.core import checks
from django.db import connection
from pytest_django import Settings

from scheduler_realtime import revocation
from tests.harness.app_server import manage
from tests.harness.complaints import PUBSUB, complaints, make_sound


@pytest.fixture(autouse=True)
def _sound(settings: Settings) -> None:
    make_sound(settings)


def found() -> list[str]:
    """What is complained of when deploying; without that nothing is."""
    assert complaints() == {}
    return list(complaints(deploy=True))


def test_a_sound_project_may_be_deployed() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("name", "patterns", "is_open"),
    [
        ("ALLOWED_HOSTS", ["*"], True),
        ("ALLOWED_HOSTS", ["board.example", "*"], True),
        ("ALLOWED_HOSTS", [".example"], False),
        ("ALLOWED_HOSTS", [], False),
        ("CSRF_TRUSTED_ORIGINS", ["https://*"], True),
        ("CSRF_TRUSTED_ORIGINS", ["https://*.example"], False),
        ("SCHEDULER_REALTIME", {"ALLOWED_ORIGINS": ["https://*:8000"]}, True),
        ("SCHEDULER_REALTIME", {"ALLOWED_ORIGINS": ["https://board.example"]}, False),
    ],
)
def test_a_name_that_lets_everybody_in_is_found(
    name: str, patterns: Any, is_open: bool, settings: Settings
) -> None:
    if isinstance(patterns, dict):
        patterns |= {"ALLOW_QUERY_TOKEN": False}
    setattr(settings, name, patterns)

    assert found() == (["W021"] if is_open else [])


@pytest.mark.parametrize(
    ("jwt", "is_short"),
    [
        ({"SIGNING_KEY": "k" * 31}, True),
        ({"SIGNING_KEY": "ü" * 16}, False),
        ({"SIGNING_KEY": ""}, True),
        ({"SIGNING_KEY": "k" * 31, "ALGORITHM": "HS512"}, True),
        ({"SIGNING_KEY": "k", "ALGORITHM": "RS256"}, False),
    ],
)
def test_a_key_that_can_be_guessed_is_found(
    jwt: dict[str, str], is_short: bool, settings: Settings
) -> None:
    settings.SIMPLE_JWT = {"CHECK_REVOKE_TOKEN": True, **jwt}

    assert found() == (["W022"] if is_short else [])


def test_logins_that_nobody_can_end_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "is_installed", lambda: False)

    assert found() == ["W023"]


def test_tokens_that_outlive_a_password_are_found(settings: Settings) -> None:
    settings.SIMPLE_JWT = {"SIGNING_KEY": "k" * 32}

    assert found() == ["W024"]


@pytest.mark.parametrize(
    ("host", "lacks"),
    [
        ("redis://localhost:6379", None),
        ("redis://127.0.0.2:6379/0", None),
        ("redis://[::1]:6379", None),
        ("unix:///run/redis.sock", None),
        (("localhost", 6379), None),
        ({"address": "rediss://:secret@redis.example:6380"}, None),
        ({"host": "redis.example", "port": 1, "ssl": True, "password": "secret"}, None),
        ("rediss://redis.example", "no password."),
        ("redis://:secret@redis.example", "no TLS."),
        ("redis://redis.example", "no TLS and no password."),
        (("redis.example", 6379), "no TLS and no password."),
        ({"address": ("10.0.0.5", 6379)}, "no TLS and no password."),
        ({"address": "redis://10.0.0.5", "password": "secret"}, "no TLS."),
        (5, None),
        ({}, None),
    ],
)
def test_a_redis_that_anybody_may_read_is_found(
    host: Any, lacks: str | None, settings: Settings
) -> None:
    settings.CHANNEL_LAYERS = {"default": PUBSUB | {"CONFIG": {"hosts": [host, host]}}}

    assert found() == ([] if lacks is None else ["W025"])
    assert lacks is None or complaints(deploy=True)["W025"].msg.endswith(lacks)


@pytest.mark.parametrize(
    ("name", "version", "has_holes"),
    [
        ("daphne", "4.2.2", True),
        ("daphne", "4.2.3", False),
        ("daphne", "4.10", False),
        ("daphne", "5.0.dev1", False),
        ("uvicorn", "0.11.6", True),
        ("uvicorn", "0.54.0", False),
    ],
)
def test_a_server_with_holes_that_are_known_is_found(
    name: str, version: str, has_holes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version_of(asked: str) -> str:
        if asked != name:
            raise metadata.PackageNotFoundError(asked)
        return version

    monkeypatch.setattr(metadata, "version", version_of)

    assert found() == (["W026"] if has_holes else [])


def test_sqlite_is_found() -> None:
    messages = checks.run_checks(tags=["scheduler_realtime"], include_deployment_checks=True)

    ids = {message.id for message in messages}
    assert ("scheduler_realtime.W027" in ids) is (connection.vendor == "sqlite")


@pytest.mark.slow
def test_the_demo_is_quiet_until_it_is_deployed() -> None:
    done = manage("sqlite:///:memory:", None, "check", "--tag", "scheduler_realtime")
    deploying = manage("sqlite:///:memory:", None, "check", "--deploy")

    assert done.stdout == "System check identified no issues (0 silenced).\n"
    for number in (12, 23, 24, 27):
        assert f"scheduler_realtime.W{number:03}" in deploying.stderr

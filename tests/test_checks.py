"""System checks: each finds what it is for, its hint mends it, and none ever falls over."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from pytest_django import Settings

from project.scheduling.models import OperatingRoom, Surgery
from scheduler_realtime import ScheduleBinding, registry
from scheduler_realtime import checks as room
from tests.harness.complaints import PUBSUB, complaints, make_sound

CORE = "channels_redis.core.RedisChannelLayer"


@pytest.fixture(autouse=True)
def _sound(
    settings: Settings,
) -> None:
    make_sound(settings)


def test_a_sound_project_hears_no_complaint() -> None:
    assert complaints(deploy=True) == {}


def test_each_key_that_means_nothing_is_complained_of(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"HEARTBEAT": 30}

    found = complaints()

    assert list(found) == ["E001"]
    assert "'HEARTBEAT'" in found["E001"].msg


@pytest.mark.parametrize(
    "wrong",
    [
        {"HEARTBEAT_INTERVAL": 0},
        {"ROLES": "host.nowhere.roles"},
        {"ROLES": "roles"},
        {"ROLES": "tests.test_checks.PUBSUB"},
        ["HEARTBEAT_INTERVAL"],
        None,
    ],
)
def test_a_value_that_cannot_be_used_is_complained_of_once(wrong: Any, settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = wrong

    assert list(complaints()) == ["E002"]


def test_roles_that_can_be_imported_are_fine(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"ROLES": "tests.test_checks.complaints"}

    assert complaints() == {}


def test_channels_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "channels")

    assert list(complaints()) == ["E003"]


@pytest.mark.parametrize("value", [None, ""])
def test_there_must_be_an_asgi_application(value: Any, settings: Settings) -> None:
    settings.ASGI_APPLICATION = value

    assert list(complaints()) == ["E004"]


def test_a_project_that_never_heard_of_asgi_is_told(settings: Settings) -> None:
    del settings.ASGI_APPLICATION
    del settings.CHANNEL_LAYERS

    assert set(complaints()) == {"E004", "E005"}


@pytest.mark.parametrize(
    "layers",
    [
        None,
        {},
        [],
        "default",
        {"other": PUBSUB},
        {"default": None},
        {"default": "redis"},
        {"default": {}},
        {"default": {"BACKEND": None}},
        {"default": {"BACKEND": 5}},
    ],
)
def test_a_layer_that_is_missing_or_malformed_is_complained_of(
    layers: Any, settings: Settings
) -> None:
    settings.CHANNEL_LAYERS = layers

    assert list(complaints()) == ["E005"]


def test_the_hint_for_a_missing_layer_mends_it(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"CHANNEL_LAYER": "realtime", "ALLOW_QUERY_TOKEN": False}
    settings.DEBUG = True
    hint = str(complaints()["E005"].hint)

    settings.CHANNEL_LAYERS = {"realtime": {"BACKEND": room.IN_MEMORY}}

    assert f'CHANNEL_LAYERS = {{"realtime": {{"BACKEND": "{room.IN_MEMORY}"}}}}' in hint
    assert complaints() == {}


@pytest.mark.parametrize(("debug", "found"), [(False, ["E006"]), (True, [])])
def test_a_layer_of_one_process_is_for_development(
    debug: bool, found: list[str], settings: Settings
) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": room.IN_MEMORY}}
    settings.DEBUG = debug

    assert list(complaints()) == found


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        [],
        {"hosts": None},
        {"hosts": []},
        {"hosts": "redis://a"},
        {"hosts": ["redis://a"]},
        {"hosts": [("a", 6379)]},
        {"hosts": [{"address": "redis://a"}]},
        {"hosts": [{"address": "redis://a", "socket_timeout": 5}]},
        {"hosts": [{"address": "redis://a", "socket_timeout": "20"}]},
        {"hosts": [{"address": "redis://a", "socket_timeout": 20}, "redis://b"]},
    ],
)
def test_a_core_layer_whose_sockets_die_of_waiting_is_complained_of(
    config: Any, settings: Settings
) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": CORE, "CONFIG": config}}

    assert list(complaints()) == ["W007"]


@pytest.mark.parametrize("timeout", [20, None])
def test_a_core_layer_whose_sockets_outlast_a_wait_is_fine(
    timeout: int | None, settings: Settings
) -> None:
    host = {"address": "redis://a", "socket_timeout": timeout}
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": CORE, "CONFIG": {"hosts": [host]}}}

    assert complaints() == {}


# Bindings.


class Misnamed(ScheduleBinding):
    start = "begins_at"


class Misled(ScheduleBinding):
    tracked = ["name"]
    protected = ["nickname"]


class Sound(ScheduleBinding):
    pass


def bind(monkeypatch: pytest.MonkeyPatch, *bindings: ScheduleBinding) -> None:
    monkeypatch.setattr(registry, "bindings", lambda: bindings)


@pytest.mark.parametrize(("kind", "name"), [(Misnamed, "begins_at"), (Misled, "nickname")])
def test_a_field_that_does_not_exist_is_complained_of_by_name(
    kind: type[ScheduleBinding], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(monkeypatch, kind(OperatingRoom))

    found = complaints()

    assert list(found) == ["E008"]
    assert f"`{name}`" in found["E008"].msg
    assert found["E008"].obj is OperatingRoom


class HostElsewhere:
    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        return "elsewhere" if model is Surgery else None


def test_a_model_in_another_database_than_the_log_is_complained_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(monkeypatch, Sound(Surgery), Sound(OperatingRoom))
    settings.DATABASE_ROUTERS = ["tests.test_checks.HostElsewhere"]

    found = complaints()

    assert list(found) == ["E009"]
    assert "'elsewhere'" in found["E009"].msg
    assert found["E009"].obj is Surgery


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "options", [{}, None, {"transaction_mode": None}, {"transaction_mode": "DEFERRED"}]
)
def test_deferred_transactions_are_complained_of(
    options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)

    assert list(complaints()) == ["E011"]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("mode", ["IMMEDIATE", "immediate", "EXCLUSIVE"])
def test_transactions_that_lock_from_the_start_are_fine(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"transaction_mode": mode})

    assert complaints() == {}


def test_tokens_in_the_query_are_complained_of_when_deploying_alone(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {}

    assert (list(complaints()), list(complaints(deploy=True))) == ([], ["W012"])


# A host's code may fail in any way.


class Unruly(ScheduleBinding):
    def faults(self) -> Any:
        yield "`room` is not a field"
        raise LookupError("no such thing")


class LogNowhere:
    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        return "nowhere"


def test_a_check_that_stumbles_over_the_hosts_code_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bind(monkeypatch, Unruly(OperatingRoom))

    found = complaints()

    assert list(found) == ["E008", "W013"]
    assert "no such thing" in found["W013"].msg


def test_a_database_that_is_not_there_is_no_reason_to_fall_over(settings: Settings) -> None:
    settings.DATABASE_ROUTERS = ["tests.test_checks.LogNowhere"]

    assert list(complaints()) == ["W013"]

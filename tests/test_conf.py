"""Settings: where a value is looked for, and what is said of one that cannot be used."""

import ast
import inspect
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from pytest_django import Settings

from scheduler_realtime import conf as conf_room
from scheduler_realtime.conf import DEFAULTS, Conf, conf, unknown_keys

NAMES = [entry.name for entry in fields(Conf)]


@pytest.fixture(autouse=True)
def _bare(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set, by the project or by the environment."""
    for name in NAMES:
        monkeypatch.delenv(f"WEBSOCKET_{name}", raising=False)
    settings.SCHEDULER_REALTIME = {}


def test_without_settings_the_defaults_are_in_force() -> None:
    assert conf() == DEFAULTS


def test_a_host_need_not_name_the_setting_at_all(settings: Settings) -> None:
    del settings.SCHEDULER_REALTIME

    assert (conf(), unknown_keys()) == (DEFAULTS, [])


def test_the_dict_goes_before_the_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSOCKET_MAX_CONNECTIONS", "5")
    settings.SCHEDULER_REALTIME = {"MAX_CONNECTIONS": 7}

    assert conf().MAX_CONNECTIONS == 7


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("HEARTBEAT_INTERVAL", "30", 30),
        ("CONNECTION_TIMEOUT", "0.5", 0.5),
        ("MAX_CONNECTIONS", " 1000 ", 1000),
        ("MESSAGE_HISTORY_SIZE", "1000.0", 1000),
        ("ALLOW_QUERY_TOKEN", "False", False),
        ("ALLOW_QUERY_TOKEN", "1", True),
        (
            "ALLOWED_ORIGINS",
            "https://a.example, https://b.example",
            ["https://a.example", "https://b.example"],
        ),
        ("CHANNEL_LAYER", "realtime", "realtime"),
        ("ROLES", "host.roles.of", "host.roles.of"),
        ("MAX_CONNECTIONS", "", DEFAULTS.MAX_CONNECTIONS),
    ],
)
def test_the_environment_sets_a_value(
    name: str, text: str, value: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"WEBSOCKET_{name}", text)
    settings.SCHEDULER_REALTIME = {}

    assert getattr(conf(), name) == value
    assert type(getattr(conf(), name)) is type(value) or name == "HEARTBEAT_INTERVAL"


BAD: dict[str, list[Any]] = {
    "HEARTBEAT_INTERVAL": [0, -1, "30", True, None, float("nan"), float("inf")],
    "MAX_CONNECTIONS": [0, 1.5, float("inf")],
    "ALLOW_QUERY_TOKEN": ["False", 0, None],
    "ALLOWED_ORIGINS": ["https://a.example", None, [1]],
    "CHANNEL_LAYER": [None, 1],
    "ROLES": [len, 1],
    "MODELS": [[], {"a.B": "room"}, {1: {}}],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_a_value_that_cannot_be_used_is_named(name: str, value: Any, settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {name: value}

    with pytest.raises(ImproperlyConfigured) as complaint:
        conf()

    assert f"SCHEDULER_REALTIME['{name}']" in str(complaint.value)
    assert repr(value) in str(complaint.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HEARTBEAT_INTERVAL", "soon"),
        ("HEARTBEAT_INTERVAL", "nan"),
        ("HEARTBEAT_INTERVAL", "1e999"),
        ("MAX_CONNECTIONS", "1.5"),
        ("MAX_CONNECTIONS", "-1"),
        ("ALLOW_QUERY_TOKEN", "maybe"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    name: str, text: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"WEBSOCKET_{name}", text)
    settings.SCHEDULER_REALTIME = {}

    with pytest.raises(ImproperlyConfigured, match=f"WEBSOCKET_{name} must be"):
        conf()


@pytest.mark.parametrize("given", [None, [], "on"])
def test_settings_that_are_no_dict_are_complained_of(given: Any, settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = given

    assert unknown_keys() == []
    with pytest.raises(ImproperlyConfigured, match="SCHEDULER_REALTIME must be a dict"):
        conf()


def test_keys_that_mean_nothing_are_found(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"HEARTBEAT": 1, "REPLAY_LIMIT": 5, 7: 1}

    assert unknown_keys() == ["7", "HEARTBEAT"]


def test_another_setting_is_in_force_at_once_and_forgotten_after() -> None:
    before = conf().REPLAY_LIMIT

    with override_settings(SCHEDULER_REALTIME={"REPLAY_LIMIT": 5}):
        within = conf().REPLAY_LIMIT

    assert (within, conf().REPLAY_LIMIT) == (5, before)


def test_a_bad_value_that_was_mended_is_not_remembered(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"REPLAY_LIMIT": 0}
    with pytest.raises(ImproperlyConfigured):
        conf()

    settings.SCHEDULER_REALTIME = {"REPLAY_LIMIT": 5}

    assert conf().REPLAY_LIMIT == 5


def test_the_settings_in_force_cannot_be_changed() -> None:
    with pytest.raises((FrozenInstanceError, TypeError)):
        conf().REPLAY_LIMIT = 5  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_says_what_it_is(name: str) -> None:
    (body,) = (
        node.body
        for node in ast.parse(inspect.getsource(conf_room)).body
        if isinstance(node, ast.ClassDef) and node.name == "Conf"
    )
    place = next(
        n
        for n, node in enumerate(body)
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name
    )
    documented = body[place + 1]

    assert isinstance(documented, ast.Expr)
    assert len(ast.literal_eval(documented.value)) > 20


@pytest.mark.parametrize("name", NAMES)
def test_every_default_would_be_taken_from_the_dict(name: str, settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {name: getattr(DEFAULTS, name)}

    assert conf() == DEFAULTS

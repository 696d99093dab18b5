"""SCHEDULER_REALTIME and the WEBSOCKET_* variables, read once as one frozen, typed object.

A value is looked for in the `SCHEDULER_REALTIME` dict of the host's settings, then in the
environment as `WEBSOCKET_<KEY>` (all but `MODELS` and `PROTECTED_FIELDS`), then in the defaults below.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from functools import lru_cache
from typing import Any, Final

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

_NAME = "SCHEDULER_REALTIME"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conf:
    """One value a setting. Times are seconds, sizes bytes, unless a line says otherwise."""

    MODELS: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Bindings as data: `app_label.Model` to the attributes of a `ScheduleBinding`."""

    PROTECTED_FIELDS: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """More fields kept from those without `scheduler_realtime.view_patient_details`, by message
    type, where people write names into free text: `{"emergency_alert": ["description"]}`."""

    ROLES: str | None = None
    """Dotted path to `user -> iterable of role names`. None: the names of the user's groups,
    and `admin` for superusers."""

    CHANNEL_LAYER: str = "default"
    """The alias, in `CHANNEL_LAYERS`, of the layer that rings and carries ephemeral frames."""

    ALLOW_QUERY_TOKEN: bool = True
    """Whether `?token=` is a credential. It ends up in proxies' logs; turn it off once no client
    needs it."""

    ALLOWED_ORIGINS: Sequence[str] = ()
    """Origins (`https://board.example`) allowed beside the request's own and
    `CSRF_TRUSTED_ORIGINS`."""

    HEARTBEAT_INTERVAL: float = 30
    """How often a client is asked to send a heartbeat."""

    CONNECTION_TIMEOUT: float = 120
    """A socket that sent nothing for so long closes with 4408: four heartbeats missed."""

    AUTHENTICATE_TIMEOUT: float = 10
    """How long a socket may stay open without a credential, and before that, without having finished
    its request. The same goes for the headers of any HTTP request."""

    REVALIDATE_INTERVAL: float = 60
    """How often the users of all local sockets are looked up again, in one query."""

    PRESENCE_VISIBLE_TO: str = "everyone"
    """Who sees who is here: `everyone`, `role` (those who share one with the user), or whoever holds
    a permission, as `app_label.codename`. Everybody sees themselves."""

    PRESENCE_GRACE: float = 10
    """How long after a user's last socket `leave` is said: to reload a page is not to leave."""

    METRICS_TOKEN: str | None = None
    """What Prometheus sends as `Authorization: Bearer <token>` to read `GET metrics`. None: only a
    user with `scheduler_realtime.view_statistics` may."""

    MAX_CONNECTIONS: int = 1000
    """Sockets one process takes; the next is closed with 4513."""

    MAX_CONNECTIONS_TOTAL: int | None = None
    """Sockets all processes take together; the next is closed with 4513. Each counts the others' every
    2 s, and never at a handshake: a rush may go beyond it by what came meanwhile. None: no such limit."""

    MAX_CONNECTIONS_PER_USER: int = 10
    """Sockets one user may have in one process; the next is closed with 4429. Somebody with a
    phone, two screens and some tabs has six."""

    MAX_CONNECTIONS_PER_ADDRESS: int | None = None
    """Sockets from one address; the next is closed with 4429. None: as many as there may be, since
    a whole hospital may stand behind one."""

    MAX_UNAUTHENTICATED: int = 100
    """Sockets that may stay open without a credential at a time; the next is closed with 4513."""

    MAX_FRAME_BYTES: int = 64 * 1024
    """A client's frame above this closes with 4413: the largest legal one is a few kilobytes."""

    FRAMES_BURST: int = 20
    """Frames a client may send at once: a page that opens sends five."""

    FRAMES_PER_SECOND: float = 10
    """Frames a client may send in the long run."""

    USER_FRAMES_BURST: int = 80
    """Frames all sockets of a user in one process may send at once: four pages that open."""

    USER_FRAMES_PER_SECOND: float = 40
    """Frames all of them may send in the long run: four clients at their limit."""

    MAX_FRAME_KEYS: int = 100
    """Keys an object in a client's frame may have: the largest legal one has five."""

    MAX_FRAME_NESTING: int = 16
    """Levels of JSON in a client's frame: the deepest legal one has three."""

    REPLAYS_PER_MINUTE: int = 60
    """Times a user may resume within a minute in one process; who comes back more often is told to
    read afresh (`too_many`): a replay reads the log, and sends up to `REPLAY_LIMIT` messages."""

    TICKETS_PER_MINUTE: int = 30
    """Tickets a user may ask for: a page needs one each time that it connects."""

    BROADCASTS_PER_MINUTE: int = 60
    """Times a user may call `broadcast` and `notify` each, emergency alerts apart: nobody reads more."""

    REQUESTS_PER_MINUTE: int = 240
    """Other REST requests of a user: a client that polls as fast as it may sends four a second."""

    PROGRESS_PER_SECOND: float = 5
    """Progress frames of one optimisation that are sent in a second: the eye takes in no more. The
    last one is always among them."""

    MESSAGE_HISTORY_SIZE: int = 1000
    """Messages the log keeps behind its head, at the least."""

    MESSAGE_MIN_AGE: float = 600
    """Nothing younger is trimmed: at 50 messages a second 1,000 rows are only 20 s."""

    MESSAGE_RETENTION: float | None = None
    """Messages older than this are trimmed, however few there are. None: age alone trims nothing."""

    REPLAY_LIMIT: int = 500
    """More missed messages than this, and reading the data afresh is cheaper than a replay."""

    BULK_THRESHOLD: int = 50
    """Objects one transaction may change before it is told as `bulk` messages."""

    CAPTURE_LIMIT: int = 10_000
    """Rows one bulk write may change before everyone is told to read afresh: 20 `bulk` messages."""

    CONFLICTS: bool = True
    """Whether what collides is looked for, in the models whose bindings say what is taken when."""

    LOOK_INTERVAL: float = 0.25
    """How often relays and hubs look at the log without being rung."""

    STALE_AFTER: float = 5
    """A hub that could not read the log for so long says `line` `stale`."""

    MAILBOX_FRAMES: int = 256
    """Frames that may wait for one slow socket before it has to catch up from the log."""

    MAILBOX_BYTES: int = 1024 * 1024
    """The same bound in bytes."""

    SEND_TIMEOUT: float = 10
    """A single send that takes longer ends the connection: the client does not read."""


DEFAULTS = Conf()

_KINDS: Final = {
    "int": "a whole number above 0",
    "int | None": "a whole number above 0, or None",
    "float": "a number above 0",
    "float | None": "a number above 0, or None",
    "bool": "True or False",
    "str": "a text",
    "str | None": "a text, or None",
    "Sequence[str]": "a list of texts",
    "Mapping[str, Mapping[str, Any]]": "a dict of dicts",
    "Mapping[str, Sequence[str]]": "a dict of lists of texts",
}
"""What a value must be, by the annotation of its field."""

_FLAGS: Final = {"1": True, "true": True, "yes": True, "on": True}
_FLAGS.update({"0": False, "false": False, "no": False, "off": False})


def unknown_keys() -> list[str]:
    """The keys of the dict that mean nothing here, for a system check to complain about."""
    known = {entry.name for entry in fields(Conf)}
    given = getattr(django_settings, _NAME, {})
    return sorted({str(key) for key in given} - known) if isinstance(given, Mapping) else []


@lru_cache(maxsize=1)
def conf() -> Conf:
    """The settings in force. Raises `ImproperlyConfigured` for a value that cannot be used."""
    given = getattr(django_settings, _NAME, {})
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"{_NAME} must be a dict, not {given!r}.")
    values: dict[str, Any] = {}
    for entry in fields(Conf):
        if entry.name in given:
            values[entry.name] = _checked(entry, given[entry.name], f"{_NAME}[{entry.name!r}]")
        elif text := os.environ.get(f"WEBSOCKET_{entry.name}", "").strip():
            values[entry.name] = _from_environment(entry, text)
    return Conf(**values)


def readable_conf() -> Conf:
    """The settings, or the defaults where the system checks complain about them."""
    try:
        return conf()
    except ImproperlyConfigured:
        return DEFAULTS


def _checked(entry: Field[Any], value: Any, name: str) -> Any:
    if not _fits(str(entry.type), value):
        raise ImproperlyConfigured(f"{name} must be {_KINDS[str(entry.type)]}, not {value!r}.")
    return int(value) if str(entry.type).startswith("int") and value is not None else value


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "int" | "float":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            is_usable = is_number and 0 < value < math.inf
            return is_usable and (kind == "float" or value == int(value))
        case "int | None" | "float | None":
            return value is None or _fits(kind.removesuffix(" | None"), value)
        case "bool":
            return isinstance(value, bool)
        case "Sequence[str]":
            is_list = isinstance(value, list | tuple | set | frozenset)
            return is_list and all(isinstance(each, str) for each in value)
        case "Mapping[str, Sequence[str]]":
            return isinstance(value, Mapping) and all(
                isinstance(name, str) and _fits("Sequence[str]", names)
                for name, names in value.items()
            )
        case "Mapping[str, Mapping[str, Any]]":
            return isinstance(value, Mapping) and all(
                isinstance(label, str) and isinstance(binding, Mapping)
                for label, binding in value.items()
            )
        case _:
            return isinstance(value, str) or (value is None and kind == "str | None")


def _from_environment(entry: Field[Any], text: str) -> Any:
    """A value as an environment can carry it: lists are parted by commas, dicts cannot be."""
    value: Any = text
    match str(entry.type):
        case "int" | "int | None" | "float" | "float | None":
            value = _number(text)
        case "bool":
            value = _FLAGS.get(text.lower(), text)
        case "Sequence[str]":
            value = [word.strip() for word in text.split(",") if word.strip()]
        case _:
            pass
    return _checked(entry, value, f"The environment variable WEBSOCKET_{entry.name}")


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == _NAME:
        conf.cache_clear()


setting_changed.connect(_forget, dispatch_uid="scheduler_realtime.conf")

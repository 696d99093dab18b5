"""Reads the process's environment, and names the variable in whatever it refuses."""

import os
from collections.abc import Mapping
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

FLAGS = {"1": True, "true": True, "yes": True, "on": True}
FLAGS |= {"0": False, "false": False, "no": False, "off": False}

SQLITE_OPTIONS = {
    "timeout": 20,
    # A transaction that begins with a read and then writes finds the database locked, whatever
    # the timeout, unless it takes the write lock from the start.
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def flag(name: str, *, default: bool) -> bool:
    """1/0, true/false, yes/no or on/off."""
    text = os.environ.get(name, "").strip().lower()
    if not text:
        return default
    try:
        return FLAGS[text]
    except KeyError:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {text!r}.") from None


def words(name: str) -> list[str]:
    """The entries of a list parted by commas; empty when the variable is not set."""
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def numbers(keys: Mapping[str, type[int] | type[float]], *, prefix: str) -> dict[str, float]:
    """Those of `keys` whose variable, `prefix` and key, is set: each a number above 0."""
    return {
        key: _number(f"{prefix}{key}", kind)
        for key, kind in keys.items()
        if os.environ.get(f"{prefix}{key}", "").strip()
    }


def _number(name: str, kind: type[int] | type[float]) -> float:
    text = os.environ[name]
    try:
        value = kind(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        noun = "a whole number" if kind is int else "a number"
        raise ImproperlyConfigured(f"{name} must be {noun} above 0, not {text!r}.")
    return value


def database(name: str, *, default: str) -> dict[str, Any]:
    """The database a URL speaks of.

    Connections are not kept between requests: under ASGI each request has a thread of its own,
    and a connection kept by a thread that is gone stays open on the server.
    """
    try:
        parsed: dict[str, Any] = dict(dj_database_url.parse(os.environ.get(name) or default))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} cannot be read: {error}") from None
    if parsed["ENGINE"].endswith("sqlite3"):
        parsed["OPTIONS"] = {**parsed.get("OPTIONS", {}), **SQLITE_OPTIONS}
    return parsed


def channel_layer(url_name: str, *, prefix_name: str) -> dict[str, Any]:
    """The pub/sub layer on the Redis of that URL, or the in-memory one when there is no URL."""
    url = os.environ.get(url_name)
    if not url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    # redis-py's own socket timeout is as long as the layer's blocking read: an idle line would die.
    host = {"address": url, "socket_timeout": 20, "socket_connect_timeout": 2}
    config: dict[str, Any] = {"hosts": [host]}
    if prefix := os.environ.get(prefix_name):
        config["prefix"] = prefix
    return {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}


def secret_key(name: str, *, debug: bool) -> str:
    """The key that signs tokens and sessions; without DEBUG there is no default."""
    if key := os.environ.get(name):
        return key
    if not debug:
        raise ImproperlyConfigured(f"{name} must be set when DEBUG is off.")
    return "a key for the demo alone, known to everybody who reads this line"

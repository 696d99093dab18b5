"""Deployment: what works at a desk and should not be put before strangers, for `check --deploy`."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.db import connections

from . import identity, log, revocation
from .conf import readable_conf

Found = Iterator[checks.CheckMessage]

SHORTEST_KEY: Final = 32
"""Bytes of a key for HS256, as RFC 7518 demands; of a shorter one, tokens are forged by trying."""

SOUND: Final = {"daphne": (4, 2, 3), "uvicorn": (0, 11, 7)}
"""By server, the first version without a hole that is known."""


def _warning(name: str, message: str, hint: str) -> checks.CheckMessage:
    return checks.Warning(message, hint=hint, id=name)


def check_query_token() -> Found:
    """A credential that proxies log."""
    if readable_conf().ALLOW_QUERY_TOKEN:
        yield _warning(
            "scheduler_realtime.W012",
            "Sockets may carry their token in the query, where proxies log it.",
            "Set SCHEDULER_REALTIME['ALLOW_QUERY_TOKEN'] = False once no client needs it.",
        )


def check_hosts() -> Found:
    """Names under which anybody's page may open a socket."""
    named = {
        "ALLOWED_HOSTS": settings.ALLOWED_HOSTS,
        "CSRF_TRUSTED_ORIGINS": settings.CSRF_TRUSTED_ORIGINS,
        "SCHEDULER_REALTIME['ALLOWED_ORIGINS']": readable_conf().ALLOWED_ORIGINS,
    }
    for name, patterns in named.items():
        if any(_is_open(str(pattern)) for pattern in patterns):
            yield _warning(
                "scheduler_realtime.W021",
                f"{name} lets every name in: any page may open a socket as its visitor's own.",
                f"Name the hosts in {name} that serve your pages.",
            )


def _is_open(pattern: str) -> bool:
    """Whether a pattern is fulfilled by anything: `*`, `https://*`, `*.`, and with a port."""
    host = pattern.rpartition("://")[2].partition(":")[0]
    return host.strip(".") == "*"


def check_signing_key() -> Found:
    """A key that can be found by trying."""
    jwt = identity.token_settings()
    if not str(jwt.ALGORITHM).startswith("HS"):
        return
    size = len(str(jwt.SIGNING_KEY or "").encode())
    if size < SHORTEST_KEY:
        yield _warning(
            "scheduler_realtime.W022",
            f"Tokens are signed by {jwt.ALGORITHM} with a key of {size} bytes: it can be guessed.",
            f"Set SIMPLE_JWT['SIGNING_KEY'], or SECRET_KEY, to {SHORTEST_KEY} random bytes or more.",
        )


def check_blacklist() -> Found:
    """Logins that nobody can end."""
    if not revocation.is_installed():
        yield _warning(
            "scheduler_realtime.W023",
            "simplejwt has no blacklist here: a refresh token is good until it expires.",
            f'Add "{revocation.APP}" to INSTALLED_APPS, and blacklist at logout.',
        )


def check_revoke_token() -> Found:
    """Tokens that outlive the password they were got with."""
    if not identity.token_settings().CHECK_REVOKE_TOKEN:
        yield _warning(
            "scheduler_realtime.W024",
            "A token stays good when its user's password changes.",
            "Set SIMPLE_JWT['CHECK_REVOKE_TOKEN'] = True; who is logged in logs in once more.",
        )


def check_redis() -> Found:
    """A Redis that whoever is on the network may read and ring."""
    layers: Any = getattr(settings, "CHANNEL_LAYERS", None)
    layer = layers.get(readable_conf().CHANNEL_LAYER) if isinstance(layers, Mapping) else None
    config = layer.get("CONFIG") if isinstance(layer, Mapping) else None
    hosts = config.get("hosts") if isinstance(config, Mapping) else None
    for host in hosts if isinstance(hosts, list | tuple) else ():
        lacks = _lacks(host)
        if lacks:
            yield _warning(
                "scheduler_realtime.W025",
                f"A Redis of CHANNEL_LAYERS on another machine has no {' and no '.join(lacks)}.",
                'Give it as {"address": "rediss://:<password>@<host>:6379", ...}.',
            )
            return


def _lacks(host: Any) -> list[str]:
    """What the line to a Redis elsewhere lacks; nothing of one on this machine."""
    options = dict(host) if isinstance(host, Mapping) else {}
    address = options.get("address", host)
    if isinstance(address, list | tuple) and address:
        options["host"], address = address[0], ""
    url = urlsplit(address if isinstance(address, str) else "")
    name = str(options.get("host") or url.hostname or "")
    if not name or name.startswith("/") or url.scheme == "unix" or _is_here(name):
        return []
    is_encrypted = url.scheme == "rediss" or bool(options.get("ssl"))
    has_password = bool(options.get("password") or url.password or "password=" in url.query)
    return [what for what, has in (("TLS", is_encrypted), ("password", has_password)) if not has]


def _is_here(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.lower() == "localhost"


def check_servers() -> Found:
    """Servers with holes that are known."""
    for name, sound in SOUND.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if _numbers(version) < sound:
            wanted = ".".join(map(str, sound))
            yield _warning(
                "scheduler_realtime.W026",
                f"{name} {version} has holes that are known.",
                f'pip install "{name}>={wanted}"',
            )


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: what comes behind them is no older."""
    found = []
    for part in version.split("."):
        if not part.isdigit():
            break
        found.append(int(part))
    return tuple(found)


def check_database() -> Found:
    """A database that one machine has to itself, and one writer at a time."""
    if connections[log.database()].vendor == "sqlite":
        yield _warning(
            "scheduler_realtime.W027",
            "The log is in SQLite: one process at a time writes, and no other machine reads.",
            "Use PostgreSQL. For a single process on purpose, add"
            ' "scheduler_realtime.W027" to SILENCED_SYSTEM_CHECKS.',
        )


ALL: Final[tuple[Callable[[], Found], ...]] = (
    check_query_token,
    check_hosts,
    check_signing_key,
    check_blacklist,
    check_revoke_token,
    check_redis,
    check_servers,
    check_database,
)
"""What `check --deploy` looks at."""

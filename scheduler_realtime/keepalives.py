"""Keepalives: a connection to PostgreSQL that leads nowhere any more is noticed within seconds."""

from __future__ import annotations

from typing import Final

from django.db import connections

# For whoever is cut off from the server, with a question under way or without: noticed within some
# 10 seconds instead of a quarter of an hour. libpq's own names.
_OPTIONS: Final = {
    "keepalives": 1,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def prepare() -> None:
    """Set up the connections that this thread has yet to open; what the host says goes first."""
    for connection in connections.all():
        if connection.vendor == "postgresql" and connection.connection is None:
            options = {**_OPTIONS, **connection.settings_dict.get("OPTIONS", {})}
            connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}

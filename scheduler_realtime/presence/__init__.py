"""Presence in the database: nodes and their leases, sockets, and the users behind them."""

from .people import Device, Person, Socket
from .register import LEASE, Batch, Outcome, Register
from .sweeping import Swept, sweep
from .visibility import check, hearers, permission, seen_by

__all__ = [
    "LEASE",
    "Batch",
    "Device",
    "Outcome",
    "Person",
    "Register",
    "Socket",
    "Swept",
    "check",
    "hearers",
    "permission",
    "seen_by",
    "sweep",
]

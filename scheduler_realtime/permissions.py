"""Permissions: those that decide something beyond Django's own pages of a model."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"\w+\.\w+")

CLEARANCE: Final = "scheduler_realtime.view_patient_details"
"""Without it protected fields are left out."""

WATCHING: Final = "scheduler_realtime.view_receipt"
"""To hear who got a message, and who acknowledged it."""

MEASURING: Final = "scheduler_realtime.view_statistics"
"""To see the statistics."""

BROADCASTING: Final = "scheduler_realtime.broadcast_message"
"""To send messages."""

ALERTING: Final = "scheduler_realtime.send_emergency_alert"
"""To send emergency alerts, which nobody limits."""

CONNECTIONS: Final = "scheduler_realtime.view_connection"
"""To see everybody's sockets."""

DISCONNECTING: Final = "scheduler_realtime.delete_connection"
"""To close anybody's socket, and to clean up."""

CANCELLING: Final = "scheduler_realtime.cancel_optimization"
"""To have optimisations stopped."""


def is_name(text: str) -> bool:
    """Whether a text is written as permissions are: `app_label.codename`."""
    return _NAME.fullmatch(text) is not None

"""Failures of a host's binding: where, and with what, but nothing a patient's data may be in."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from scheduler_realtime.exceptions import InvalidMessage

from .schedule import ScheduleBinding

logger = logging.getLogger(__name__)


def report_failure(binding: ScheduleBinding, what: Any, error: Exception) -> None:
    """Say in the log where the binding failed for `what`, a primary key or a deed.

    The exception's text is left out, and the locals with it: it quotes values more often than not.
    """
    kind = type(error).__qualname__
    if isinstance(error, InvalidMessage):
        kind += " at " + ".".join(error.path.split(".")[:3])
    logger.error(
        "The binding of %s failed for %r, with %s; what was written stays.\n%s",
        binding.label,
        what,
        kind,
        "".join(traceback.format_tb(error.__traceback__)),
    )

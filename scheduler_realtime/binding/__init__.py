"""A host's model and what it means to the schedule."""

from .failures import report_failure
from .narrowing import Narrowing
from .paths import Path, cleaned, keys_along, value_at
from .schedule import ScheduleBinding
from .snapshots import Snapshot, restored, snapshot
from .times import Interval, day_of, instant

__all__ = [
    "Interval",
    "Narrowing",
    "Path",
    "ScheduleBinding",
    "Snapshot",
    "cleaned",
    "day_of",
    "instant",
    "keys_along",
    "report_failure",
    "restored",
    "snapshot",
    "value_at",
]

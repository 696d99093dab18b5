"""A host's model and what it means to the schedule."""

from .schedule import Interval, Path, ScheduleBinding

__all__ = ["Interval", "Path", "ScheduleBinding"]

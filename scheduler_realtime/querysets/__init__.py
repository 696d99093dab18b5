"""Writes that send no signals: a manager that captures them, and a block that does."""

from .blocks import capture
from .managers import RealtimeManager, RealtimeQuerySet, captures, take_over, uncaptured

__all__ = [
    "RealtimeManager",
    "RealtimeQuerySet",
    "capture",
    "captures",
    "take_over",
    "uncaptured",
]

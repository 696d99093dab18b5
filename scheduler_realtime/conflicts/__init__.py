"""What collides in the schedule: found after each change, told once, and once when it is over."""

from .days import keys_of_day
from .examining import is_behind, recompute, step
from .hindrances import missing_index, unheard
from .keeping import Difference
from .rules import Clash, conflict_rule
from .seeking import Seeker
from .watching import seekers, start, stop, wake

__all__ = [
    "Clash",
    "Difference",
    "Seeker",
    "conflict_rule",
    "is_behind",
    "keys_of_day",
    "missing_index",
    "recompute",
    "seekers",
    "start",
    "step",
    "stop",
    "unheard",
    "wake",
]

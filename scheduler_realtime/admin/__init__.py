"""What administrators see in Django's admin, which finds this package by itself."""

from .connections import ConnectionAdmin
from .messages import MessageAdmin
from .nodes import NodeAdmin
from .schedule import ConflictAdmin, OptimizationRunAdmin

__all__ = [
    "ConflictAdmin",
    "ConnectionAdmin",
    "MessageAdmin",
    "NodeAdmin",
    "OptimizationRunAdmin",
]

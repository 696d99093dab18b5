"""What is remembered: the log and its readers, who is here, and what stands now."""

from .log import Log, Message
from .presence import Connection, Node, Presence, Sample
from .readers import Position, Receipt, Ticket
from .schedule import Conflict, Examination, Involved, OptimizationRun

__all__ = [
    "Conflict",
    "Connection",
    "Examination",
    "Involved",
    "Log",
    "Message",
    "Node",
    "OptimizationRun",
    "Position",
    "Presence",
    "Receipt",
    "Sample",
    "Ticket",
]

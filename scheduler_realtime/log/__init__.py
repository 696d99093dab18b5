"""The log: append in the host's transaction, give positions after it, read on from a position."""

from .positions import Given, sequence
from .reading import PAGE, Page, Row, State, database, read_after, read_alerts_after, state
from .upkeep import BATCH, renew_epoch, trim
from .writing import Draft, append

__all__ = [
    "BATCH",
    "PAGE",
    "Draft",
    "Given",
    "Page",
    "Row",
    "State",
    "append",
    "database",
    "read_after",
    "read_alerts_after",
    "renew_epoch",
    "sequence",
    "state",
    "trim",
]

"""The log: append in the host's transaction, give positions after it, read on from a position."""

from .awaiting import Filed, at_positions, awaited, read_by_id
from .placement import position_of, wait_for_position
from .positions import Given, sequence
from .reading import (
    MOST,
    PAGE,
    Addressed,
    Page,
    Row,
    State,
    database,
    read_after,
    read_alerts_after,
    read_for,
    state,
)
from .recent import read_before
from .recognition import Place, Sighting, look, recognise
from .upkeep import BATCH, Bounds, awaited_outside, discard, drop_expired, renew_epoch, trim
from .writing import Draft, append, resync

__all__ = [
    "BATCH",
    "MOST",
    "PAGE",
    "Addressed",
    "Bounds",
    "Draft",
    "Filed",
    "Given",
    "Page",
    "Place",
    "Row",
    "Sighting",
    "State",
    "append",
    "at_positions",
    "awaited",
    "awaited_outside",
    "database",
    "discard",
    "drop_expired",
    "look",
    "position_of",
    "read_after",
    "read_alerts_after",
    "read_before",
    "read_by_id",
    "read_for",
    "recognise",
    "renew_epoch",
    "resync",
    "sequence",
    "state",
    "trim",
    "wait_for_position",
]

"""What happened to objects of registered models: read before and after, and told."""

from .dependents import Tellings, dependents_of
from .drafts import Change, record, resync
from .pictures import Picture, look
from .rows import (
    Written,
    bindings_for,
    in_transaction,
    key_in,
    locked,
    locked_one,
    must_be_read_back,
    touched,
)

__all__ = [
    "Change",
    "Picture",
    "Tellings",
    "Written",
    "bindings_for",
    "dependents_of",
    "in_transaction",
    "key_in",
    "locked",
    "locked_one",
    "look",
    "must_be_read_back",
    "record",
    "resync",
    "touched",
]

"""What happened to objects of registered models: read before and after, and told."""

from .bulk import BulkWrite
from .dependents import Tellings
from .drafts import Change, record, resync
from .pictures import Picture, look
from .rows import (
    TOO_MANY,
    TooManyRows,
    Written,
    bindings_for,
    by_key,
    in_pages,
    in_transaction,
    key_in,
    locked,
    locked_one,
    must_be_read_back,
    touched,
)

__all__ = [
    "TOO_MANY",
    "BulkWrite",
    "Change",
    "Picture",
    "Tellings",
    "TooManyRows",
    "Written",
    "bindings_for",
    "by_key",
    "in_pages",
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

"""The only room that talks to the channel layer: it rings, and carries ephemeral frames.

Nothing that must not be lost goes this way, and nobody ever waits for it.
"""

from .courier import LOG_GROUP, PRESENCE_GROUP, Courier
from .listening import Listening
from .probing import Probe
from .ringing import (
    attach,
    carry,
    detach,
    has_layer,
    is_layer_failing,
    mute,
    reaches_others,
    ring,
    tell,
    wake,
)

__all__ = [
    "LOG_GROUP",
    "PRESENCE_GROUP",
    "Courier",
    "Listening",
    "Probe",
    "attach",
    "carry",
    "detach",
    "has_layer",
    "is_layer_failing",
    "mute",
    "reaches_others",
    "ring",
    "tell",
    "wake",
]

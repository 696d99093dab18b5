"""The only room that talks to the channel layer: it rings, and carries ephemeral frames.

Nothing that must not be lost goes this way, and nobody ever waits for it.
"""

from .courier import LOG_GROUP, Courier
from .listening import Listening
from .ringing import attach, carry, detach, has_layer, is_layer_failing, mute, ring, wake

__all__ = [
    "LOG_GROUP",
    "Courier",
    "Listening",
    "attach",
    "carry",
    "detach",
    "has_layer",
    "is_layer_failing",
    "mute",
    "ring",
    "wake",
]

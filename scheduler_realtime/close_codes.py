"""The codes a socket closes with.

Plain integers, not an `IntEnum`: daphne passes the code on to Twisted, which refuses any other
type. All are in the 4000s, since daphne lets an application send nothing between 1001 and 2999.
"""

from typing import Final

TOO_MANY_BAD_FRAMES: Final = 4400
UNAUTHENTICATED: Final = 4401
FORBIDDEN: Final = 4403
SILENT_CLIENT: Final = 4408
DISCONNECTED_BY_ADMINISTRATOR: Final = 4409
SLOW_READER: Final = 4412
FRAME_TOO_LARGE: Final = 4413
TOO_MANY: Final = 4429
DRAINING: Final = 4512
AT_CAPACITY: Final = 4513

ADVICE: Final[dict[int, tuple[str, str]]] = {
    TOO_MANY_BAD_FRAMES: ("five bad frames within a minute", "mend, then reconnect"),
    UNAUTHENTICATED: (
        "no, bad, expired or revoked credential, or none given in time",
        "get a new token, then reconnect",
    ),
    FORBIDDEN: ("the user is inactive or not permitted", "stop"),
    SILENT_CLIENT: ("no frame from the client within the timeout", "reconnect, resuming"),
    DISCONNECTED_BY_ADMINISTRATOR: ("disconnected by an administrator", "stop"),
    SLOW_READER: ("the client reads too slowly", "reconnect with back-off, resuming"),
    FRAME_TOO_LARGE: ("a frame larger than the limit", "mend, then reconnect"),
    TOO_MANY: ("too many connections or too many frames", "reconnect with back-off"),
    DRAINING: ("the server is draining for a restart", "reconnect with jitter, resuming"),
    AT_CAPACITY: ("the server is at capacity", "reconnect with back-off"),
}
"""What each means, and what a client should do."""

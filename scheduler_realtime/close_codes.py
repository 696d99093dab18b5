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

"""Which surgeries a change touches: those of the same room whose time overlaps its old or new."""

from .completing import complete

__all__ = ["complete"]

"""Everything a client's author generates code from, made from the code: four documents, as text."""

from .documents import FORMATS, Format, text
from .operations import KEY, LOGGED, SENT, RealtimeSchema, described

__all__ = ["FORMATS", "KEY", "LOGGED", "SENT", "Format", "RealtimeSchema", "described", "text"]

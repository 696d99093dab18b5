"""Everything a client's author generates code from, made from the code: four documents, as text."""

from .answers import KEY, LOGGED, REFUSAL, SENT
from .documents import FORMATS, Format, text
from .operations import RealtimeSchema, described

__all__ = [
    "FORMATS",
    "KEY",
    "LOGGED",
    "REFUSAL",
    "SENT",
    "Format",
    "RealtimeSchema",
    "described",
    "text",
]

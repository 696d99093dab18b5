"""Judging: what of a message a binding's `may_see` lets somebody know, asked in batches, kept a while.

It is only asked of those in the audience who hold the permission, and only about messages that
have a subject. Every other message passes by here.
"""

from .jury import Ask, Jury, audience_of
from .verdicts import (
    CHANGED,
    FAILED,
    GONE,
    SEEN,
    Sight,
    Sights,
    Verdict,
    forget,
    sights_of,
    verdict_on,
)

__all__ = [
    "CHANGED",
    "FAILED",
    "GONE",
    "SEEN",
    "Ask",
    "Jury",
    "Sight",
    "Sights",
    "Verdict",
    "audience_of",
    "forget",
    "sights_of",
    "verdict_on",
]

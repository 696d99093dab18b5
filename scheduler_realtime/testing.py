"""For a host's own tests: nothing runs by itself there, so pump the relay and look who hears.

    def test_a_moved_surgery_is_told(self):
        surgery.save()

        assert heard_by(nurse)[-1]["data"]["surgery_id"] == surgery.pk

Works inside `TestCase`: everything happens in the test's own connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from . import affected, doorbell, frames, log
from .conf import conf
from .identity import identity_of


def pump() -> int:
    """Give positions to everything written so far, as a relay would; how many messages got one.

    What one transaction writes between two calls is folded, as it would be after a commit.
    """
    with transaction.atomic(using=log.database()):
        given = log.sequence(bulk_threshold=int(conf().BULK_THRESHOLD), complete=affected.complete)
    return given or 0


def heard_by(user: Any, *, after: int = 0) -> list[dict[str, Any]]:
    """The durable frames behind a position, as this user would hear them now, in order."""
    pump()
    listener = identity_of(user)
    texts: list[str | None] = []
    while page := log.read_after(after).rows:
        after = page[-1].position
        texts += [
            frames.text_for(row, groups=listener.groups, is_cleared=listener.is_cleared)
            for row in page
        ]
    return [json.loads(text) for text in texts if text is not None]


@contextmanager
def muted() -> Iterator[None]:
    """Ring no other process while the block runs."""
    before = doorbell.mute(True)
    try:
        yield
    finally:
        doorbell.mute(before)

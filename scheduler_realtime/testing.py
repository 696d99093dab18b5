"""For a host's own tests: nothing runs by itself there, so pump the relay and look who hears.

    def setUpTestData(cls):
        ...
        pump()  # what is written from here on is told apart from this

    def test_a_moved_surgery_is_told(self):
        surgery.save()

        assert heard_by(nurse)[-1]["data"]["surgery_id"] == surgery.pk

Works inside `TestCase`: everything happens in the test's own connection. Only the `a` twins do
not, since they write in a thread of their own: they need a `TransactionTestCase`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from . import affected, conflicts, doorbell, history, log
from .conf import conf
from .identity import identity_of


def pump() -> int:
    """Give positions to everything written so far, as a relay would; how many messages got one.

    What one transaction writes between two calls is folded, as it would be after a commit.
    """
    count = _positions()
    while _examined():
        count += _positions()
    return count


def _examined() -> bool:
    """Look once for what collides, as every process does after a turn; whether there was a change."""
    looked = False
    for seeker in conflicts.seekers():
        if conflicts.is_behind(seeker):
            looked |= conflicts.step(seeker)
    return looked


def _positions() -> int:
    count = 0
    # Asking where the log stands puts its one row back, which a test's flush has removed.
    while log.state().waiting:
        with transaction.atomic(using=log.database()):
            threshold = conf().BULK_THRESHOLD
            given = log.sequence(bulk_threshold=threshold, complete=affected.complete)
        if given is None:
            break
        count += given.count
    return count


def heard_by(user: Any, *, after: int = 0) -> list[dict[str, Any]]:
    """The durable frames behind a position, as this user would hear them now, in order.

    What the user is and may see is looked up anew; one who is inactive hears nothing. Raises
    `HistoryGap` where messages behind the position were trimmed.
    """
    pump()
    # A user in hand remembers the permissions that were asked for before.
    listener = identity_of(get_user_model()._default_manager.get(pk=user.pk))
    if not listener.is_active:
        return []
    heard: list[dict[str, Any] | None] = []
    while (page := log.read_after(after)).rows:
        after = page.rows[-1].position
        history.judge(listener, page.rows)
        heard += [history.frame_for(listener, row, page.state.epoch) for row in page.rows]
    return [frame for frame in heard if frame is not None]


@contextmanager
def muted() -> Iterator[None]:
    """Ring no other process while the block runs."""
    before = doorbell.mute(True)
    try:
        yield
    finally:
        doorbell.mute(before)

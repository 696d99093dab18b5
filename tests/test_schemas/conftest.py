"""A host's own message types, registered for one test."""

from collections.abc import Iterator

import pytest

from scheduler_realtime import messages


@pytest.fixture
def types_put_back() -> Iterator[None]:
    """Whatever a test registers is forgotten after it."""
    before = dict(messages.TYPES)
    yield
    messages.TYPES.clear()
    messages.TYPES.update(before)

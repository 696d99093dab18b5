"""What the tests of runs hold: what was ticked, and beats that come quickly."""

import pytest

from scheduler_realtime import doorbell
from scheduler_realtime.progress import pulse

from .telling import Frames


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Frames:
    """The data of what was sent straight to the groups."""
    heard: Frames = []
    monkeypatch.setattr(doorbell, "carry", lambda frame, groups: heard.append(frame["data"]))
    return heard


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats that follow each other at once."""
    monkeypatch.setattr(pulse, "BEAT", 0.01)
    monkeypatch.setattr(pulse, "FLUSH", 0.01)

"""A node as its register knows it: sockets opened and closed without a server."""

import uuid
from datetime import timedelta
from typing import Any

from scheduler_realtime import clock
from scheduler_realtime.models import Node, Presence
from scheduler_realtime.presence import Batch, Device, Outcome, Register, Socket


class Desk:
    """A node, as the tests have several of."""

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.register = Register(self.id)
        self.sockets: list[Socket] = []
        assert self.write(is_all=True) is not None

    def write(self, **facts: Any) -> Outcome | None:
        return self.register.write(Batch(**{"left": {}} | facts))

    def open(self, *users: Any, **facts: Any) -> Outcome:
        """One more socket for each of these users."""
        arrived = tuple(socket(user, **facts) for user in users)
        self.sockets += arrived
        outcome = self.write(arrived=arrived)
        assert outcome is not None
        return outcome

    def close(self, *users: Any) -> Outcome:
        """Close the socket of each of these users that was opened last."""
        left = [_last(self.sockets, user) for user in users]
        self.sockets = [each for each in self.sockets if each not in left]
        outcome = self.write(left={each.id: each.user_id for each in left})
        assert outcome is not None
        return outcome

    def dies(self, ago: float = 1.0) -> None:
        """Its lease ended so many seconds ago."""
        Node.objects.filter(pk=self.id).update(lease_until=clock.now() - timedelta(seconds=ago))


def _last(sockets: list[Socket], user: Any) -> Socket:
    return next(each for each in reversed(sockets) if each.user_id == user)


def socket(user: Any, **facts: Any) -> Socket:
    known: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "visit": uuid.uuid4(),
        "user_id": user,
        "username": f"user {user}",
        "roles": ("nurse",),
        "connected_at": clock.now(),
        "last_seen_at": clock.now(),
        "current_page": None,
        "active_schedule_date": None,
        "device": Device(address="10.0.0.1", user_agent="Browser"),
    }
    return Socket(**known | facts)


def here(outcome: Outcome | None) -> list[Any]:
    assert outcome is not None
    return sorted(person.user_id for person in outcome.here)


def gone_for(seconds: float) -> None:
    """Whoever has left did so so many seconds ago."""
    moment = clock.now() - timedelta(seconds=seconds)
    Presence.objects.exclude(left_at=None).update(left_at=moment)

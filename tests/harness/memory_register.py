"""A register of presence without the database: one node's sockets, and what was asked of it."""

from collections.abc import Mapping

from scheduler_realtime.presence import Batch, Outcome, Person


class MemoryRegister:
    """Remembers the batches; whoever arrives is here until the test says otherwise.

    The faults that are waiting come first; a lease in `lost` is not renewed, once.
    """

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.people: dict[int | str, Person] = {}
        self.sockets: set[str] = set()
        self.faults: list[Exception] = []
        self.is_lost = False
        self.has_signed_off = False
        self.sweeps = 0
        self.renewals: list[str] = []
        self.elsewhere = 0

    def write(self, batch: Batch) -> Outcome | None:
        if self.faults:
            raise self.faults.pop(0)
        self.batches.append(batch)
        if self.is_lost:
            self.is_lost = False
            return None
        arrived = {socket.id for socket in batch.arrived}
        self.sockets = arrived if batch.is_all else (self.sockets - batch.left.keys()) | arrived
        here = tuple(each.person for each in (*batch.arrived, *batch.moved))
        self.people |= {person.user_id: person for person in here}
        return Outcome(here=here, has_left=bool(batch.left))

    def renew(self, report: str) -> bool:
        if self.faults:
            raise self.faults.pop(0)
        self.renewals.append(report)
        return True

    def look(self) -> Mapping[int | str, Person]:
        return dict(self.people)

    def count_elsewhere(self) -> int:
        return self.elsewhere

    def sweep(self, *, thorough: bool) -> None:
        self.sweeps += 1

    def sign_off(self) -> Outcome:
        self.has_signed_off = True
        return Outcome()

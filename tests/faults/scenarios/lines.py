"""What happens to the clients' own connections."""

import time

from tests.faults.stage import Stage


def cut(stage: Stage) -> None:
    """Each client's connection is cut for some seconds, again and again, each at its own moment.

    Every third time nothing says so: what the server sent is swallowed.
    """
    form, place = stage.form, stage.place
    step = form.period / len(place.people)
    back: list[tuple[float, str]] = []
    begun = time.monotonic()
    for turn in range(2 * len(place.people)):
        person = place.people[turn % len(place.people)]
        _wait(begun + turn * step, back, stage)
        deed = "silence" if turn % 3 == 0 else "ban"
        place.exchange.ask("each", deed=deed, routes=place.routes("clients"), peer=person.address)
        back.append((time.monotonic() + form.blink, person.address))
    _wait(time.monotonic() + form.blink, back, stage)


def _wait(till: float, back: list[tuple[float, str]], stage: Stage) -> None:
    """Wait until a moment, and let those in again whose time has come."""
    while back and back[0][0] <= till:
        moment, address = back.pop(0)
        stage.place.hold(max(0.0, moment - time.monotonic()))
        stage.place.exchange.ask(
            "each", deed="allow", routes=stage.place.routes("clients"), peer=address
        )
    stage.place.hold(max(0.0, till - time.monotonic()))


def nothing(stage: Stage) -> None:
    """All is well: what a fault is measured against."""
    stage.place.hold(stage.form.spell)

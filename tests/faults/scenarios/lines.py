"""What happens to the clients' own connections."""

import time

from tests.faults.stage import Stage


def nothing(stage: Stage) -> None:
    """All is well: what a fault is measured against."""
    stage.place.hold(stage.form.spell)


def cut(stage: Stage) -> None:
    """Each client's connection is cut for some seconds, twice, each at its own moment."""
    cut_for(stage, 2 * stage.form.period)


def cut_for(stage: Stage, seconds: float) -> None:
    """Cut each client once in `period`, all the time. Every third cut is a silence.

    In a silence nothing tells either end: what the server sent is swallowed.
    """
    form, people = stage.form, stage.place.people
    step = form.period / len(people)
    back: list[tuple[float, str]] = []
    begun = time.monotonic()
    for turn in range(int(seconds / step)):
        address = people[turn % len(people)].address
        _hold_until(begun + turn * step, back, stage)
        _do("silence" if turn % 3 == 0 else "ban", address, stage)
        back.append((time.monotonic() + form.blink, address))
    _hold_until(time.monotonic() + form.blink, back, stage)


def _hold_until(till: float, back: list[tuple[float, str]], stage: Stage) -> None:
    """Let those in again, meanwhile, whose time has come."""
    while back and back[0][0] <= till:
        moment, address = back.pop(0)
        stage.place.hold(max(0.0, moment - time.monotonic()))
        _do("allow", address, stage)
    stage.place.hold(max(0.0, till - time.monotonic()))


def _do(deed: str, address: str, stage: Stage) -> None:
    routes = stage.place.routes("clients")
    stage.place.exchange.ask("each", deed=deed, routes=routes, peer=address)

"""A client that stays away for longer than the log remembers."""

from tests.faults.stage import Stage
from tests.harness.child import wait_for

TRIMMED = frozenset({"trimmed", "too_many"})


def away(stage: Stage) -> None:
    """The travellers, gone since the stages began, come back once their place has been trimmed.

    To servers that have just been started: one that has run all along may remember all of it.
    """
    place = stage.place
    names = [person.name for person in place.travellers]
    if place.left_at is None:
        place.send_away()
    wait_for(
        lambda: _floor(stage) > (place.left_at or 0),
        within=2 * place.form.min_age + 60,
        what="the log forgets where the travellers left",
    )
    place.together([node.restart for node in place.nodes])
    stage.may_excuse = True
    stage.must_resync = dict.fromkeys(names, TRIMMED)
    stage.listeners += place.travellers
    place.crowds[0].ask("come_back", names=names)
    missing = place.missing(place.travellers, "", within=30)
    assert not missing, f"did not come back: {missing}"
    place.left_at = None
    place.hold(2)


def _floor(stage: Stage) -> int:
    stage.place.hold(0.2)  # a look at the log is not to be a load on it
    return stage.place.log("floor")

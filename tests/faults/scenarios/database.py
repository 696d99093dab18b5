"""What happens to PostgreSQL."""

from tests.faults import ledger
from tests.faults.stage import Stage
from tests.harness.child import wait_for

REPLACED = frozenset({"epoch_changed"})

BEYOND = 20
"""Positions by which the restored log is longer, when it is seen again."""

WITHIN = 60.0
"""Seconds in which it must have become so long."""


def postgres_restarted(stage: Stage) -> None:
    """Every session is cut off at once, and the database recovers."""
    stage.may_fail = True
    stage.place.hold(2)
    stage.place.postgres.restart(immediate=True)
    stage.place.hold(stage.form.spell / 2)


def restored(stage: Stage) -> None:
    """The database is put back to what it was some seconds ago, under live clients.

    What was committed in between is void, and everybody must be told that this is another log.
    """
    _keep_and_write_on(stage)
    _put_back(stage)
    stage.start_writing()
    stage.place.hold(stage.form.spell / 2)


def restored_unseen(stage: Stage) -> None:
    """The same while no server reaches the database: when one does, the log is longer than before.

    Another process gives positions meanwhile, so only what stands at a server's own position can
    tell that the log is not the one it knew.
    """
    place = stage.place
    _keep_and_write_on(stage)
    reached = place.log("head")
    routes = place.routes("postgres")
    place.exchange.ask("each", deed="cut", routes=routes)
    _put_back(stage)
    place.relay.start()
    stage.start_writing()
    wait_for(
        lambda: int(place.log("head")) > reached + BEYOND,
        within=WITHIN,
        what="the log is longer than it was",
    )
    place.exchange.ask("each", deed="heal", routes=routes)
    place.hold(stage.form.spell / 2)
    place.relay.stop()


def _keep_and_write_on(stage: Stage) -> None:
    """Keep a copy of the database, and commit something more, which will be void."""
    place = stage.place
    place.hold(stage.form.spell / 4)
    stage.stop_writing()
    place.postgres.stop()
    place.postgres.copy_data("older")
    place.postgres.start()
    stage.start_writing()
    place.hold(stage.form.spell / 3)
    stage.stop_writing()


def _put_back(stage: Stage) -> None:
    """Put the copy in the place of what there is; from now on everybody must be told so."""
    place = stage.place
    before = ledger.read(place.url, after=stage.history.entry)
    place.postgres.stop()
    place.postgres.put_back("older")
    place.postgres.start()
    stage.restored(before, ledger.read(place.url, after=stage.history.entry))
    stage.must_resync = {person.name: REPLACED for person in place.people}

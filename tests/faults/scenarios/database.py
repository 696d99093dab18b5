"""What happens to PostgreSQL."""

from tests.faults import ledger
from tests.faults.stage import Stage

REPLACED = frozenset({"epoch_changed"})


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
    place = stage.place
    place.hold(stage.form.spell / 4)
    stage.stop_writing()
    place.postgres.stop()
    place.postgres.copy_data("older")
    place.postgres.start()
    stage.start_writing()
    place.hold(stage.form.spell / 3)
    stage.stop_writing()
    before = ledger.read(place.url, after=stage.history.entry)
    place.postgres.stop()
    place.postgres.put_back("older")
    place.postgres.start()
    stage.restored(before, ledger.read(place.url, after=stage.history.entry))
    stage.must_resync = {person.name: REPLACED for person in place.people}
    stage.start_writing()
    place.hold(stage.form.spell / 2)

"""What a save costs while Redis is out, beside the same save where Redis is well."""

from typing import Final

from tests.faults import gathering
from tests.faults.stage import Stage

RATE: Final = 10.0
"""Saves a second of each of the two."""


def hold(stage: Stage, seconds: float) -> None:
    """Keep the site's Redis out for so long, and measure meanwhile, where the form says so.

    Two processes do the same saves at the same time; one rings a Redis of its own, which is well.
    """
    if not stage.form.gauges:
        stage.place.hold(seconds)
        return
    workers = stage.place.gauges()
    for worker in workers.values():
        worker.ask("start", rate=RATE, mix="saves alone")
    stage.place.hold(seconds)
    for name, worker in workers.items():
        worker.ask("halt")
        deeds = gathering.journals([worker], stage.place.folder)
        stage.deeds += deeds
        stage.gauges[name] = [deed["seconds"] for deed in deeds if deed["seconds"] is not None]

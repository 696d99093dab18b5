"""What the writers themselves do out of the ordinary."""

import time

from tests.faults.stage import Stage


def burst(stage: Stage) -> None:
    """Thousands of saves are committed within a second, in many transactions at once."""
    scribes = stage.place.scribes
    saves = stage.form.burst // len(scribes)
    stage.place.together(
        [lambda each=each: each.ask("prepare_burst", saves=saves) for each in scribes]  # type: ignore[misc]
    )
    at = time.monotonic() + 0.3
    answers = stage.place.together(
        [lambda each=each: each.ask("commit_burst", at=at) for each in scribes]  # type: ignore[misc]
    )
    took = max(answer["last"] for answer in answers) - at
    stage.notes["burst"] = f"{saves * len(scribes)} saves in {took:.2f} s"
    stage.place.hold(2)


def reversed_commits(stage: Stage) -> None:
    """Long transactions of which the first to write is the last to commit."""
    scribes = stage.place.scribes
    stage.place.together(
        [lambda each=each: each.ask("reverse", rounds=4, hold=0.4) for each in scribes]  # type: ignore[misc]
    )

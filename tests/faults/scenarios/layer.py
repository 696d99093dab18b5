"""What happens to Redis."""

from tests.faults.scenarios import gauges
from tests.faults.stage import Stage


def redis_killed(stage: Stage) -> None:
    """It is gone for a while, and comes back empty."""
    stage.place.redis.kill()
    gauges.hold(stage, stage.form.outage)
    stage.place.redis.start()
    stage.place.hold(1)


def redis_frozen(stage: Stage) -> None:
    """It answers nobody for a while, and goes on as if nothing had been."""
    stage.place.redis.freeze()
    gauges.hold(stage, stage.form.outage)
    stage.place.redis.thaw()
    stage.place.hold(1)

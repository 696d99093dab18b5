"""The token bucket: how many at once, and how many in the long run."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from scheduler_realtime.ratelimit import Buckets, TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(bucket: TokenBucket, times: int) -> int:
    return sum(bucket.take() for _ in range(times))


def test_a_bucket_gives_as_many_as_it_holds_at_once() -> None:
    bucket = TokenBucket(3, 10, clock=Clock())

    assert taken(bucket, 10) == 3


def test_an_empty_bucket_gains_its_rate_a_second() -> None:
    clock = Clock()
    bucket = TokenBucket(20, 10, clock=clock)
    taken(bucket, 20)

    clock.now += 0.5

    assert taken(bucket, 20) == 5


def test_a_rest_however_long_fills_no_bucket_above_its_brim() -> None:
    clock = Clock()
    bucket = TokenBucket(3, 10, clock=clock)

    clock.now += 1e6

    assert taken(bucket, 10) == 3


def test_asking_in_vain_costs_nothing() -> None:
    clock = Clock()
    bucket = TokenBucket(1, 1, clock=clock)
    taken(bucket, 1000)

    clock.now += 1

    assert bucket.take()


@given(steps=st.lists(st.floats(0, 5), max_size=60))
def test_no_rhythm_of_asking_gets_more_than_the_burst_and_the_rate(steps: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(5, 2, clock=clock)
    got = 0
    for step in steps:
        clock.now += step
        got += taken(bucket, 10)

    assert got <= 5 + 2 * (clock.now - 100) + 1e-6


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(2, 1, clock=Clock())

    assert [buckets.take("ada") for _ in range(3)] == [True, True, False]
    assert buckets.take("eve")


def test_a_bucket_is_kept_until_it_is_full_again_and_no_longer() -> None:
    clock = Clock()
    buckets = Buckets(2, 1, clock=clock)
    for user in range(100):
        buckets.take(user)
    buckets.take("ada")
    buckets.take("ada")

    clock.now += 1
    buckets.take("eve")

    assert len(buckets) == 2
    assert [buckets.take("ada") for _ in range(2)] == [True, False]


def test_a_process_that_stands_still_at_any_moment_takes_a_token_all_the_same() -> None:
    hours = count(step=3600)
    buckets = Buckets(2, 1, clock=lambda: float(next(hours)))

    assert all(buckets.take("ada") for _ in range(5))

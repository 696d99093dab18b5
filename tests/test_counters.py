"""The counters: what is counted by name, what is not, and what a histogram says."""

import itertools
import os
import threading

import pytest

from scheduler_realtime import counters
from scheduler_realtime.counters import BOUNDS, quantile

pytestmark = [pytest.mark.sqlite_only, pytest.mark.usefixtures("counted_afresh")]


def histogram(*seconds: float) -> list[int]:
    before = counters.snapshot()
    for each in seconds:
        counters.deliver("a", took=each)
    return list(counters.between(before, counters.snapshot()).latency)


def test_what_many_threads_count_at_once_is_all_there() -> None:
    def count() -> None:
        for _ in range(5000):
            counters.deliver("schedule_update", took=0.01)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    seen = counters.snapshot()
    assert seen.messages["delivered"] == {"schedule_update": 40_000}
    assert sum(seen.latency) == 40_000


def test_names_that_others_make_up_fill_no_memory() -> None:
    for number in range(1000):
        counters.count("published", f"type {number}")
    counters.count("published", "x" * 100_000)

    by_type = counters.snapshot().messages["published"]
    assert len(by_type) == counters.NAMES + 1
    assert by_type["other"] == 1001 - counters.NAMES


def test_a_name_that_is_too_long_is_counted_among_the_others() -> None:
    counters.count("received", "x" * 65)

    assert counters.snapshot().messages["received"] == {"other": 1}


def test_the_peak_stays_when_sockets_go() -> None:
    for number in (1, 2, 1):
        counters.connected(number)

    seen = counters.snapshot()
    assert (seen.connections, seen.peak) == (1, 2)


def test_refusals_are_counted_by_their_code() -> None:
    for code in (4401, 4513, 4401):
        counters.refuse(code)

    assert counters.snapshot().refused == {"4401": 2, "4513": 1}


def test_between_two_moments_is_what_was_counted_in_between() -> None:
    counters.count("delivered", "a", 3)
    before = counters.snapshot()
    counters.count("delivered", "a", 2)
    counters.count("delivered", "b")

    done = counters.between(before, counters.snapshot())

    assert done.messages["delivered"] == {"a": 2, "b": 1}


def test_the_buckets_go_from_half_a_millisecond_to_a_minute() -> None:
    steps = [late / early for early, late in itertools.pairwise(BOUNDS)]

    assert (BOUNDS[0], BOUNDS[-1], len(BOUNDS)) == (0.0005, 60, 40)
    assert all(1.3 < step < 1.4 for step in steps)


@pytest.mark.parametrize("seconds", [0.0006, 0.0047, 0.013, 0.2, 1.5, 59])
def test_a_percentile_is_within_a_third_of_the_truth(seconds: float) -> None:
    latency = histogram(*[0.0001] * 10, *[seconds] * 990)

    for share in (0.5, 0.95, 0.99):
        assert quantile(latency, share) == pytest.approx(seconds, rel=0.36)


def test_a_few_slow_ones_are_in_the_last_percentile_and_not_in_the_median() -> None:
    latency = histogram(*[0.005] * 980, *[2.0] * 20)

    assert (quantile(latency, 0.5) or 0) < 0.006
    assert (quantile(latency, 0.99) or 0) > 1.6


def test_nothing_has_no_percentile() -> None:
    assert quantile(histogram(), 0.5) is None


@pytest.mark.parametrize("seconds", [-5.0, 0.0])
def test_a_clock_that_is_set_back_makes_it_fast_and_breaks_nothing(seconds: float) -> None:
    latency = histogram(seconds)

    assert 0 < (quantile(latency, 0.5) or 0) <= BOUNDS[0]
    assert counters.snapshot().latency_sum == 0


def test_what_took_longer_than_the_last_bound_is_said_to_have_taken_that() -> None:
    assert quantile(histogram(3600.0), 0.99) == BOUNDS[-1]


def test_a_child_counts_for_itself() -> None:
    counters.count("delivered", "a")
    read, write = os.pipe()

    if not (child := os.fork()):
        os.write(write, str(len(counters.snapshot().messages["delivered"])).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 10) == b"0"
    for end in (read, write):
        os.close(end)

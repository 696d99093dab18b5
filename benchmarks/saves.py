"""What a save costs: beside Django's own, and with Redis well, stopped and frozen."""

import statistics

from benchmarks.site import save, summary, together
from tests.harness.site import Site

ROUNDS = 5
EACH = 100
"""Saves in a round of each kind: the kinds take turns, since machines are noisy."""

COMPARED = """
import statistics, time
from django.db.models import signals

surgery = Surgery.objects.order_by("pk").first()

def took(times, save):
    results = []
    for number in range(times):
        surgery.notes = f"cost {time.time_ns()} {number}"
        begun = time.perf_counter()
        save()
        results.append(time.perf_counter() - begun)
    return statistics.median(results)

class Deaf:
    def __enter__(self):
        self.kept = [(s, s.receivers, s.sender_receivers_cache) for s in (signals.pre_save, signals.post_save)]
        for signal, _, cache in self.kept:
            signal.receivers = []
            cache.clear()
        self.wrapped = Surgery.save_base
        Surgery.save_base = Surgery.save_base.__wrapped__

    def __exit__(self, *error):
        for signal, receivers, cache in self.kept:
            signal.receivers = receivers
            cache.clear()
        Surgery.save_base = self.wrapped

ratios = []
for _ in range(5):
    with Deaf():
        bare = took(100, surgery.save)
    ratios.append(took(100, surgery.save) / bare)
print(statistics.median(ratios))
"""


def run() -> None:
    """Print the ratio to a bare save, and the three states of Redis in both kinds of process."""
    with together() as site:
        print(f"saves    captured / bare, PostgreSQL: {float(site.shell(COMPARED)):.2f}")
        _compare(site, "frozen")
        _compare(site, "stopped")


def _compare(site: Site, state: str) -> None:
    """Redis well and in that state take turns; the same saves in a server and in a shell."""
    took: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name in ("well", state):
            _bring(site, name)
            took.setdefault(("server", name), []).extend(
                seconds for _, seconds in save(site.servers[0], EACH)
            )
            took.setdefault(("shell", name), []).extend(_in_shell(site))
    site.ensure_running()
    for place in ("server", "shell"):
        for name in ("well", state):
            print(f"saves    {place}, Redis {name:8} {summary(took[place, name])}")
        grown = 1000 * (_p99(took[place, state]) - _p99(took[place, "well"]))
        print(f"saves    {place}, Redis {state}: p99 grew by {grown:+.2f} ms")


def _bring(site: Site, state: str) -> None:
    if state == "frozen":
        site.redis.freeze()  # type: ignore[union-attr]  # a benchmark's Redis is its own
    elif state == "stopped":
        site.redis.kill()  # type: ignore[union-attr]  # a benchmark's Redis is its own
    else:
        site.ensure_running()


def _in_shell(site: Site) -> list[float]:
    code = f"from benchmarks.asgi import save; print([took for _, took in save({EACH})])"
    return [float(word) for word in site.shell(code).strip("[]").split(",")]


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[98]

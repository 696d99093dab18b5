"""Writers that save surgeries as fast as they can; runs in a shell of the demo project."""

import json
import threading
import time
from datetime import timedelta
from pathlib import Path

from django.db import connections, transaction

from project.scheduling.models import Surgery


def write(first: int, threads: int, seconds: float) -> int:
    """Save in so many threads for so long, each its own surgery; the number of commits.

    The surgeries are those from the `first` on.
    """
    surgeries = list(Surgery.objects.order_by("pk")[first : first + threads])
    counts = [0] * threads
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        surgery = surgeries[number]
        while time.monotonic() < until:
            surgery.notes = f"written {time.time_ns()}"
            surgery.save()
            counts[number] += 1
        connections.close_all()

    workers = [threading.Thread(target=work, args=[number]) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts)


def write_until(over: str, pause: float) -> str:
    """Save a surgery at that pace until there is such a file; JSON of notes and their commits."""
    surgery = Surgery.objects.order_by("pk").first()
    assert surgery is not None
    committed: dict[str, float] = {}
    while not Path(over).exists():
        notes = surgery.notes = f"benchmark {time.time_ns()}"
        with transaction.atomic():
            # Registered before the save's own, so it runs first, right after the COMMIT.
            transaction.on_commit(lambda notes=notes: committed.update({notes: time.time()}))
            surgery.save()
        time.sleep(pause)
    return json.dumps(committed)


def change(pace: float, seconds: float) -> str:
    """Move the surgeries of the day in turn, so often a second; JSON of their names and commits."""
    surgeries = list(Surgery.objects.order_by("pk"))
    committed: dict[str, float] = {}
    begun = time.monotonic()
    for number in range(int(pace * seconds)):
        time.sleep(max(0.0, begun + number / pace - time.monotonic()))
        surgery = surgeries[number % len(surgeries)]
        name = surgery.surgery_type = f"benchmark {time.time_ns()}"
        surgery.end_time += timedelta(minutes=5 if number // len(surgeries) % 2 else -5)
        with transaction.atomic():
            transaction.on_commit(lambda name=name: committed.update({name: time.time()}))
            surgery.save()
    return json.dumps(committed)

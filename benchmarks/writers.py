"""Writers that save surgeries as fast as they can; runs in a shell of the demo project."""

import threading
import time

from django.db import connections

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

"""Runs the benchmarks that are named, or all, and prints a line for each figure."""

import os
import sys


def main() -> None:
    """`python -m benchmarks [latency] [saves] [sequencing] [reconnect] [conflicts] [hostile] [board]`."""
    os.environ["TEST_BACKEND"] = "sqlite"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()

    from benchmarks import board, conflicts, hostile, latency, reconnect, saves, sequencing

    known = {
        module.__name__.rpartition(".")[2]: module.run
        for module in (latency, saves, sequencing, reconnect, conflicts, hostile, board)
    }
    chosen = sys.argv[1:] or list(known)
    if unknown := set(chosen) - set(known):
        sys.exit(f"No benchmark is called {', '.join(unknown)}; there are {', '.join(known)}.")
    for name in chosen:
        known[name]()


main()

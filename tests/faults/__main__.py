"""Runs the faults that are named, or all, for each seed, and prints what the judge found."""

import argparse
import os
import sys


def main() -> None:
    """`python -m tests.faults [--seeds 1 2 3] [--faults cut,kill] [--form long]`."""
    os.environ["TEST_BACKEND"] = "sqlite"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()

    from tests.faults import running

    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    parser.add_argument("--faults", type=lambda text: text.split(","), default=None)
    parser.add_argument("--form", choices=["long", "short"], default="long")
    chosen = parser.parse_args()
    sys.exit(running.run(chosen.seeds, chosen.faults, chosen.form))


main()

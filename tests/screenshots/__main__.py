"""Takes the pictures, and prints the path of each."""

import argparse
import asyncio
import os
from pathlib import Path


def main() -> None:
    """`python -m tests.screenshots [FOLDER]`."""
    os.environ["TEST_BACKEND"] = "sqlite"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()

    from tests.screenshots import taking

    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("screenshots"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(taking.run(folder))


main()

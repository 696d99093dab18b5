"""`python -m tests.defences [words]`: break each defence of these threats, or of all, in a copy."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.defences.defence import Defence
from tests.defences.table import DEFENCES
from tests.harness.child import REPOSITORY

PACKAGE = "scheduler_realtime"
WITHIN = 600.0

ON_BOTH = ("test_tickets.py::test_of_fifty", "test_token_confusion.py")
"""Tests whose defence works otherwise on PostgreSQL: they run there as well."""


def main() -> None:
    """Exit with 1 where a test failed with its defence in place, or passed without it."""
    words = " ".join(sys.argv[1:]).lower()
    chosen = [each for each in DEFENCES if words in f"{each.threat} {each.file}".lower()]
    if not chosen:
        sys.exit(f"No threat and no file is called {words!r}.")
    with tempfile.TemporaryDirectory(prefix="defences-") as folder:
        tree = Path(folder) / "tree"
        copy(tree)
        named = sorted({test for each in chosen for test in each.tests})
        if failed := failures(tree, named):
            sys.exit("With every defence in place these fail:\n  " + "\n  ".join(sorted(failed)))
        say(f"{len(named)} tests pass with every defence in place.")
        blind = sum(not is_seen(tree, each) for each in chosen)
    say(f"{len(chosen)} defences were taken out, {blind} of them unseen.")
    sys.exit(1 if blind else 0)


def copy(tree: Path) -> None:
    """What git knows of, as it is now."""
    git = shutil.which("git") or sys.exit("This takes git, to know what to copy.")
    listed = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, done.stdout.split("\0")):
        source, target = REPOSITORY / name, tree / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def is_seen(tree: Path, defence: Defence) -> bool:
    """Break it, see which tests fail, mend it, and print a line."""
    path = tree / PACKAGE / defence.file
    whole = path.read_text()
    if whole.count(defence.text) != 1:
        sys.exit(f"{defence.file} has this {whole.count(defence.text)} times:\n{defence.text}")
    path.write_text(whole.replace(defence.text, defence.instead))
    try:
        missing = set(defence.tests) - failures(tree, list(defence.tests))
    finally:
        path.write_text(whole)
    verdict = "UNSEEN" if missing else "seen"
    say(f"{verdict:6}  {defence.threat}: {defence.file}: {defence.text.splitlines()[0].strip()}")
    for test in sorted(missing):
        say(f"        {test} passes without it")
    return not missing


def failures(tree: Path, tests: list[str]) -> set[str]:
    """Which of these tests fail there, whatever their parameters and on whichever backend."""
    on_both = [test for test in tests if test.startswith(ON_BOTH)]
    return failed_on("sqlite", tree, tests) | (
        failed_on("postgres", tree, on_both) if on_both else set()
    )


def failed_on(backend: str, tree: Path, tests: list[str]) -> set[str]:
    words = [sys.executable, "-m", "pytest", "--ds=tests.settings", "-q", "--tb=no", "-rfE"]
    try:
        done = subprocess.run(
            [*words, *(f"tests/{test}" for test in tests)],
            cwd=tree,
            env=os.environ | {"TEST_BACKEND": backend},
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"These never end: {', '.join(tests)}. A test must fail instead.")
    if done.returncode not in {0, 1}:
        sys.exit(f"pytest ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr}")
    found = re.findall(r"^(?:FAILED|ERROR) tests/([^\s\[]+)", done.stdout, re.MULTILINE)
    return set(found) & set(tests)


def say(line: str) -> None:
    """Print it at once: the next line may take a minute."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


main()

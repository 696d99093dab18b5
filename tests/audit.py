"""`make audit`: the pinned versions against the holes that are known of them, without a network."""

import datetime as dt
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "tests/requirements.txt")
KNOWN = Path(__file__).with_name("known_holes.toml")

STALE = dt.timedelta(days=90)
"""After so long somebody should look again what has become known."""

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Hole:
    """A hole of a package, and the first version without it of each release line that got one."""

    package: str
    id: str
    fixed: tuple[Version, ...]
    source: str

    def is_in(self, version: Version) -> bool:
        """Whether the version has it: a line that got no version without it has it for ever."""
        line = [fixed for fixed in self.fixed if fixed.release[:2] == version.release[:2]]
        return version < (line[0] if line else max(self.fixed))


def pins(texts: Iterable[str]) -> dict[str, Version]:
    """The pinned versions by package."""
    return {
        canonicalize_name(name): Version(version)
        for text in texts
        for name, version in _PIN.findall(text)
    }


def known(text: str) -> tuple[dt.date, list[Hole]]:
    """When somebody looked, and what was known then."""
    told = tomllib.loads(text)
    holes = [
        Hole(**entry | {"fixed": tuple(sorted(map(Version, entry["fixed"])))})
        for entry in told["holes"]
    ]
    return told["looked_at"], holes


def open_holes(pinned: Mapping[str, Version], holes: Iterable[Hole]) -> Iterator[str]:
    """In a line each, what the pinned versions have."""
    for hole in holes:
        version = pinned.get(hole.package)
        if version is not None and hole.is_in(version):
            fixed = ", ".join(map(str, hole.fixed))
            yield f"{hole.package} {version} has {hole.id}; fixed in {fixed}. {hole.source}"


def main() -> int:
    """Print what was found. 1 where there is a hole."""
    looked_at, holes = known(KNOWN.read_text())
    pinned = pins((ROOT / name).read_text() for name in REQUIREMENTS)
    found = list(open_holes(pinned, holes))
    for line in found:
        print(line)  # noqa: T201 - that is what it is for
    age = dt.datetime.now(tz=dt.UTC).date() - looked_at
    told = f"{len(pinned)} pins, {len(holes)} holes known on {looked_at}, {len(found)} open."
    print(told)  # noqa: T201
    if age > STALE:
        print(f"That was {age.days} days ago: look again, and bring {KNOWN.name} up to date.")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

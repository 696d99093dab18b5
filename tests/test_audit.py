"""The audit: no pinned version has a hole that is known of it, and one that has is found."""

from pathlib import Path

import pytest
from packaging.version import Version

from tests import audit
from tests.audit import KNOWN, REQUIREMENTS, ROOT, Hole

pytestmark = pytest.mark.sqlite_only

PINNED = audit.pins((ROOT / name).read_text() for name in REQUIREMENTS)
HOLES = audit.known(KNOWN.read_text())[1]

DJANGO = Hole(package="django", id="CVE-1", fixed=(Version("5.2.11"), Version("6.0.2")), source="s")


def test_no_pinned_version_has_a_known_hole() -> None:
    assert list(audit.open_holes(PINNED, HOLES)) == []


@pytest.mark.parametrize(
    ("version", "is_open"),
    [
        ("5.2.10", True),
        ("5.2.11", False),
        ("5.2.19", False),
        ("6.0.1", True),
        ("6.0.2", False),
        ("6.1", False),
        ("5.1.20", True),
        ("4.2.99", True),
    ],
)
def test_a_hole_is_open_until_the_version_of_its_line(version: str, is_open: bool) -> None:
    found = list(audit.open_holes({"django": Version(version)}, [DJANGO]))

    assert bool(found) is is_open
    assert all("CVE-1" in line and version in line for line in found)


def test_every_pin_is_read_and_every_hole_is_of_one() -> None:
    lines = [line for name in REQUIREMENTS for line in (ROOT / name).read_text().splitlines()]
    pinned = [line for line in lines if line and not line.startswith(("#", "-r"))]

    assert len(PINNED) == len(pinned)
    assert {hole.package for hole in HOLES} <= PINNED.keys()
    assert all(hole.fixed and hole.source.startswith("https://") for hole in HOLES)


def test_an_open_hole_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / REQUIREMENTS[0]).write_text("daphne[asgi]==4.2.1 ; python_version > '3'\n")
    (tmp_path / REQUIREMENTS[1]).write_text("# nothing\n")

    assert audit.main() == 1
    assert "CVE-2026-44545" in capsys.readouterr().out

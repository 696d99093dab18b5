"""The package: its front door, what a host may import when, and that it installs by itself."""

import importlib.metadata
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.core.management import call_command

import scheduler_realtime
from tests.harness.child import REPOSITORY

NAMES = sorted(scheduler_realtime.__all__)


def ran(code: str, *paths: Path, settings: str = "") -> str:
    """What a fresh interpreter printed; AssertionError with its traceback."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={
            "PYTHONPATH": ":".join(map(str, paths)),
            "DJANGO_SETTINGS_MODULE": settings,
            "SECRET_KEY": "a key of forty-two characters, and only ours",
        },
        cwd=paths[0],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# The front door.


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_front_door_leads_somewhere(name: str) -> None:
    assert getattr(scheduler_realtime, name).__name__ == name


def test_a_name_that_is_not_at_the_front_door_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'broadcast_everything'"):
        scheduler_realtime.broadcast_everything  # noqa: B018 - asking for it is the point


def test_a_name_at_the_front_door_is_no_module_behind_it() -> None:
    rooms = {path.stem for path in (REPOSITORY / "scheduler_realtime").iterdir()}

    assert rooms.isdisjoint(NAMES)


def test_the_front_door_opens_without_django_being_asked_for() -> None:
    code = "import sys, scheduler_realtime; print('django' in sys.modules)"

    assert ran(code, REPOSITORY).strip() == "False"


# What a settings module, an app config or a `realtime.py` names at its top.
EARLY = [
    "Audience",
    "InvalidAudience",
    "InvalidBinding",
    "InvalidMessage",
    "InvalidMessageType",
    "Payload",
    "RealtimeError",
    "ScheduleBinding",
    "TokenRejected",
    "acting_as",
    "register",
    "register_message",
]


def test_what_needs_no_model_may_be_imported_before_there_are_settings() -> None:
    ran(f"from scheduler_realtime import {', '.join(EARLY)}", REPOSITORY)


HOST_MODELS = f"""
from django.db import models
from scheduler_realtime import {", ".join(NAMES)}

class Visit(models.Model):
    objects = RealtimeManager()
"""

HOST_SETTINGS = """
SECRET_KEY = "a key of forty-two characters, and only ours"
INSTALLED_APPS = {apps}
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""

DJANGO = ["django.contrib.contenttypes", "django.contrib.auth"]


@pytest.mark.parametrize(
    "apps", [["visits", *DJANGO, "scheduler_realtime"], [*DJANGO, "scheduler_realtime", "visits"]]
)
def test_a_hosts_models_may_import_every_name(apps: Sequence[str], tmp_path: Path) -> None:
    package = tmp_path / "visits"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "models.py").write_text(HOST_MODELS)
    (tmp_path / "host_settings.py").write_text(HOST_SETTINGS.format(apps=apps))

    ran(
        "import django; django.setup(); import visits.models",
        tmp_path,
        REPOSITORY,
        settings="host_settings",
    )


def test_django_starts_no_thread_of_ours() -> None:
    code = "import django, threading; django.setup(); print(threading.active_count())"

    assert ran(code, REPOSITORY, settings="project.settings").strip() == "1"


# Installing it.


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


_caches = shutil.ignore_patterns("__pycache__")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The built package. Built from a copy, so that the working tree stays clean."""
    version = importlib.metadata.version("setuptools")
    if int(version.partition(".")[0]) < 77:
        pytest.skip(f"pyproject.toml asks for setuptools 77, and {version} is installed")
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("scheduler_realtime", "project", "tests"):
        shutil.copytree(REPOSITORY / name, folder / "tree" / name, ignore=_caches)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder / "tree")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            folder / "tree",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("scheduler_realtime-*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_has_the_whole_package_and_nothing_of_the_demo(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    modules = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "scheduler_realtime").rglob("*.py")
    }

    assert modules <= names
    assert "scheduler_realtime/py.typed" in names
    assert any(name.startswith("scheduler_realtime/migrations/0001") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"scheduler_realtime"}


def test_the_installed_wheel_works_without_the_repository(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    wheel.extractall(tmp_path)
    code = "import scheduler_realtime; print(scheduler_realtime.__file__)"

    assert ran(code, tmp_path).strip().startswith(str(tmp_path))

"""The README is true: its examples make a host that works, and its tables are those of the code."""

import re
import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest

from scheduler_realtime import checks, close_codes, conf, deployment, entitlement
from scheduler_realtime.api import urls
from scheduler_realtime.management import commands
from tests.harness.child import REPOSITORY

pytestmark = pytest.mark.sqlite_only

README = (REPOSITORY / "README.md").read_text()

PYTHON = re.findall(r"^```python *(\S*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
FILES = {name: text for name, text in PYTHON if name}

BARE_SETTINGS = """
from pathlib import Path

SECRET_KEY = "a key that is long enough for tokens"
DEBUG = True
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "yourproject.urls"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "surgeries",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).parent / "db.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}
"""

MODELS = """
from django.conf import settings
from django.db import models

from scheduler_realtime import RealtimeManager


class Room(models.Model):
    name = models.CharField(max_length=20)


class Surgery(models.Model):
    room = models.ForeignKey(Room, on_delete=models.CASCADE)
    surgeon = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    patient_name = models.CharField(max_length=100)
    start_time = models.DateTimeField()
    end_time = models.DateTimeField()

    objects = RealtimeManager()

    class Meta:
        indexes = [models.Index(fields=["start_time", "end_time"])]
"""

FIRST_READ = """
import django
django.setup()
from django.test import Client
print(Client().get("/api/ws/messages").status_code)
"""

FIRST_SAVE = """
from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.utils import timezone

from scheduler_realtime.testing import heard_by
from surgeries.models import Room, Surgery

surgeon = User.objects.create_user("surgeon")
nurse = User.objects.create_user("nurse")
nurse.groups.add(Group.objects.create(name="nurse"))
viewer = User.objects.create_user("viewer")
now = timezone.now()
surgery = Surgery.objects.create(
    room=Room.objects.create(name="1"), surgeon=surgeon, patient_name="Rosa Secret",
    start_time=now, end_time=now + timedelta(hours=1),
)

frame = heard_by(nurse)[-1]
assert frame["data"]["surgery_id"] == surgery.pk, frame
assert "Secret" not in str(frame), frame
assert heard_by(surgeon), "the surgeon is in the audience"
assert not heard_by(viewer), "the viewer is not"
user = surgeon
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project made of nothing but Django's bare minimum and the README's blocks."""
    folder = tmp_path_factory.mktemp("host")
    written = {
        "yourproject/__init__.py": "",
        "yourproject/urls.py": "urlpatterns = []\n" + FILES["urls.py"],
        "yourproject/settings.py": BARE_SETTINGS + FILES["settings.py"],
        "yourproject/asgi.py": FILES["asgi.py"],
        "surgeries/__init__.py": "",
        "surgeries/models.py": MODELS,
        "surgeries/realtime.py": FILES["surgeries/realtime.py"],
    }
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    run(folder, "-m", "django", "makemigrations", "surgeries")
    run(folder, "-m", "django", "migrate", "--verbosity=0")
    return folder


def run(folder: Path, *arguments: str) -> str:
    """Run Python in the host, with this repository importable; AssertionError with its output."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            "PYTHONPATH": f"{folder}:{REPOSITORY}",
            "DJANGO_SETTINGS_MODULE": "yourproject.settings",
            "PATH": "",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_host_that_follows_the_readme_passes_every_check(host: Path) -> None:
    said = run(host, "-m", "django", "check", "--fail-level", "WARNING")

    assert "no issues" in said


def test_a_save_in_that_host_is_heard_by_its_audience_alone(host: Path) -> None:
    verbs = next(text for _, text in PYTHON if "broadcast_emergency_alert(" in text)
    setup = "import django\ndjango.setup()\n"

    run(host, "-c", setup + FIRST_SAVE + verbs)


OWN_TYPE = """
import django
django.setup()
from django.contrib.auth.models import Group, User

planner = User.objects.create_user("planner")
planner.groups.add(Group.objects.get_or_create(name="scheduler")[0])
"""

OWN_TYPE_HEARD = """
from scheduler_realtime.testing import heard_by
assert [(f["type"], f["data"]) for f in heard_by(planner)][-1] == ("room_cleaned", {"room_id": 3})
"""


def test_a_message_type_of_that_hosts_own_is_sent_and_protected(host: Path) -> None:
    example = next(text for _, text in PYTHON if "@register_message" in text)

    run(host, "-c", OWN_TYPE + example + OWN_TYPE_HEARD)


TRACKED = """
import types
from scheduler_realtime.models import OptimizationRun

planner = User.objects.create_user("optimiser")
engine = types.SimpleNamespace(step=lambda: 1.5, swaps=2, plan=None)
try:
    plan_the_day(engine, planner)
except OptimizationFailed:
    print(OptimizationRun.objects.get().status, OptimizationRun.objects.get().reason)
"""


def test_an_optimisation_in_that_host_is_told_as_the_readme_has_it(host: Path) -> None:
    example = next(text for _, text in PYTHON if "track_optimization" in text)
    setup = "import django\ndjango.setup()\nfrom django.contrib.auth.models import User\n"

    said = run(host, "-c", setup + example + TRACKED)

    assert said.strip() == "failed No plan fits into this day."


def test_the_asgi_application_of_that_host_loads(host: Path) -> None:
    said = run(host, "-c", "from yourproject.asgi import application; print(type(application))")

    assert "RealtimeApplication" in said


def test_that_host_serves_the_log_to_nobody_unknown(host: Path) -> None:
    assert run(host, "-c", FIRST_READ).strip() == "401"


@pytest.mark.parametrize("text", [text for _, text in PYTHON])
def test_every_python_block_is_python(text: str) -> None:
    awaiting = "async def block():\n" + textwrap.indent(text, "    ") if "await " in text else text

    compile(awaiting, "README.md", "exec")


def test_every_setting_is_in_the_readme() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE))

    assert documented == {setting.name for setting in fields(conf.Conf)}


def test_every_command_is_in_the_readme() -> None:
    folder = Path(commands.__path__[0])
    known = {path.stem for path in folder.glob("realtime_*.py")}

    documented = set(re.findall(r"^\| `(realtime_\w+)[ `]", README, re.MULTILINE))

    assert documented == known


def test_every_rest_call_is_in_the_readme() -> None:
    rows = re.findall(r"^\| `([A-Z]+) /api/ws/([^?`]+)", README, re.MULTILINE)
    routes = [
        (method.upper(), route.pattern)
        for route in urls.urlpatterns
        for method in route.callback.actions
        if method != "head"
    ]

    documented = {
        (method, str(pattern))
        for method, pattern in routes
        for row in rows
        if row[0] == method and pattern.match(row[1])
    }

    assert documented == {(method, str(pattern)) for method, pattern in routes}
    assert len(rows) == len(routes)


def test_every_close_code_is_in_the_readme() -> None:
    documented = {int(code) for code in re.findall(r"^\| (4\d{3}) \|", README, re.MULTILINE)}

    assert documented == {code for code in vars(close_codes).values() if isinstance(code, int)}


def test_every_check_is_in_the_readme() -> None:
    source = "".join(Path(room.__file__).read_text() for room in (checks, deployment, entitlement))
    known = set(re.findall(r"scheduler_realtime\.([EW]\d{3})\"", source))

    documented = set(re.findall(r"\b([EW]\d{3})\b", README))

    assert documented == known

"""`realtime_tail`: what it shows of the log, in words and as JSON, and how it ends."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import OperationalError

from scheduler_realtime import (
    broadcast_emergency_alert,
    broadcast_schedule_update,
    log,
    orders,
    send_system_notification,
)
from scheduler_realtime.log import Bounds
from scheduler_realtime.models import Message
from scheduler_realtime.testing import pump
from tests.harness.app_server import project_environment
from tests.harness.child import REPOSITORY
from tests.harness.site import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def nurse() -> User:
    user = User.objects.create(username="nurse")
    user.groups.add(Group.objects.create(name="nurse"))
    return user


def tell(title: str, **facts: Any) -> None:
    send_system_notification(title=title, message="m", **facts)
    pump()


def shown(*options: str) -> list[str]:
    """The lines it prints of what is there."""
    out = io.StringIO()
    call_command("realtime_tail", "--no-follow", *options, stdout=out)
    return out.getvalue().splitlines()


def titles(*options: str) -> list[str]:
    return [json.loads(line)["data"].get("title") for line in shown("--json", *options)]


def test_the_last_are_shown_and_the_first_of_them_first() -> None:
    for number in range(12):
        tell(f"number {number}")

    assert titles() == [f"number {number}" for number in range(2, 12)]
    assert titles("--last", "1") == ["number 11"]


def test_what_lies_behind_a_position_is_shown() -> None:
    tell("one")
    position = log.state().head
    tell("two")

    assert titles("--since", str(position)) == ["two"]
    with pytest.raises(CommandError, match="--last") as failed:
        shown("--since", str(position + 2))
    assert failed.value.returncode == 1


def test_filters_show_only_what_fits_them_all(nurse: User) -> None:
    tell("to nurses", roles=["nurse"], user_id=nurse)
    tell("to one", users=[nurse])
    tell("to another", users=[nurse.pk + 1], user_id=nurse)
    tell("to all")
    broadcast_schedule_update(model="m.m", action="update", surgery_id=1, room_id=7)
    broadcast_emergency_alert(
        emergency_id=1, emergency_type="fire", priority="high", description="d"
    )
    pump()

    assert titles("--role", "nurse") == ["to nurses"]
    assert titles("--to", "nurse", "--type", "system_notification") == [
        *("to nurses", "to one", "to all"),
    ]
    assert (
        titles("--user", "nurse") == titles("--user", str(nurse.pk)) == ["to nurses", "to another"]
    )
    assert titles("--user", "nurse", "--role", "nurse") == ["to nurses"]
    assert "in room 7" in shown("--room", "7")[0]
    assert len(shown("--type", "emergency_alert", "--type", "schedule_update")) == 2


@pytest.mark.parametrize("option", ["--to", "--role"])
def test_who_is_not_known_is_named(option: str) -> None:
    with pytest.raises(CommandError, match="'zoe'") as failed:
        shown(option, "zoe")

    assert failed.value.returncode == 2


def test_orders_to_servers_are_shown_only_when_asked_for() -> None:
    orders.disconnect(["a socket"])
    pump()

    assert shown() == []
    assert "a socket" in shown("--all")[0]


def test_patients_names_are_shown_only_when_asked_for() -> None:
    broadcast_emergency_alert(
        emergency_id=1,
        emergency_type="fire",
        priority="high",
        description="d",
        patient_name="Rosa Secret",
    )
    pump()

    assert "Rosa" not in shown("--json")[0]
    assert "Rosa Secret" in shown("--json", "--protected")[0]


def test_a_gap_is_said_in_words_and_as_a_socket_hears_it() -> None:
    for title in ("one", "two", "three"):
        tell(title)
    Message.objects.update(created_at="2020-01-01T00:00:00Z")
    log.trim(Bounds(keep=1, min_age=600))
    floor = log.state().floor

    words, _ = shown("--since", "0")
    gap, last = map(json.loads, shown("--since", "0", "--json"))

    assert f"trimmed up to position {floor}" in words
    assert gap["type"] == "resync"
    assert gap["data"] == {
        "reason": "trimmed",
        "epoch": log.state().epoch,
        "position": floor,
    }
    assert last["data"]["title"] == "three"


def test_only_a_terminal_gets_colours() -> None:
    broadcast_emergency_alert(
        emergency_id=1, emergency_type="fire", priority="high", description="d"
    )
    pump()

    assert "\x1b" not in shown()[0]
    assert "\x1b[" in shown("--force-color")[0]


def test_a_database_that_is_out_at_first_is_a_command_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def out() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(log, "look", out)

    with pytest.raises(CommandError, match="connection refused") as failed:
        shown()

    assert failed.value.returncode == 1


TELL = """
from scheduler_realtime import send_system_notification
from scheduler_realtime.testing import pump
send_system_notification(title="{}", message="m")
pump()
"""


@pytest.mark.sqlite_only
def test_it_follows_through_an_outage_until_ctrl_c(bare_site: Site) -> None:
    path = Path(bare_site.database_url.removeprefix("sqlite:///"))
    bare_site.shell(TELL.format("before"))
    tail = subprocess.Popen(
        [sys.executable, "manage.py", "realtime_tail"],
        cwd=REPOSITORY,
        env=project_environment(bare_site.database_url, None),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tail.stdout is not None
    assert tail.stderr is not None
    try:
        lines = [tail.stdout.readline()]
        bare_site.shell(TELL.format("live"))
        lines.append(tail.stdout.readline())
        path.rename(path.with_suffix(".away"))
        said = [tail.stderr.readline()]
        path.with_suffix(".away").rename(path)
        said.append(tail.stderr.readline())
        bare_site.shell(TELL.format("after"))
        lines.append(tail.stdout.readline())
        tail.send_signal(signal.SIGINT)
        rest = tail.communicate(timeout=10)
    finally:
        tail.kill()
        tail.communicate()

    assert all(word in line for word, line in zip(("before", "live", "after"), lines, strict=True))
    assert "is out" in said[0]
    assert "is back" in said[1]
    assert rest == ("", "")
    assert tail.returncode == 0


@pytest.mark.sqlite_only
def test_it_ends_quietly_when_nobody_reads_any_more(bare_site: Site) -> None:
    bare_site.shell(TELL.format("first"))

    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} manage.py realtime_tail | head -n 1"],
        cwd=REPOSITORY,
        env=project_environment(bare_site.database_url, None),
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )

    assert "first" in done.stdout
    assert done.stderr == ""


@pytest.mark.sqlite_only
def test_a_terminal_of_few_characters_gets_the_others_by_number(bare_site: Site) -> None:
    bare_site.shell(TELL.format("Ärztin ✓"))
    bare_site.env["PYTHONIOENCODING"] = "ascii"

    done = bare_site.manage("realtime_tail", "--no-follow")

    assert "\\xc4rztin \\u2713" in done.stdout

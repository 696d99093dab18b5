"""`realtime_send`: to whom it says, nothing where it was called wrongly, and what it prints."""

import io
import sys
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from scheduler_realtime import log
from scheduler_realtime.models import Message
from scheduler_realtime.testing import heard_by
from tests.harness.site import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, User]:
    """Two nurses, of whom one is inactive, and a surgeon."""
    nurse = Group.objects.create(name="nurse")
    found = {name: User.objects.create(username=name) for name in ("ann", "bob", "cem")}
    found["ann"].groups.add(nurse)
    found["bob"].groups.add(nurse)
    User.objects.filter(username="bob").update(is_active=False)
    return found


def send(*options: str, title: str = "Title", message: str = "Text") -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("realtime_send", title, message, *options, stdout=out)
    return out.getvalue()


def titles(user: User) -> list[str]:
    return [frame["data"]["title"] for frame in heard_by(user)]


def test_users_by_name_or_key_and_roles_hear_it_and_nobody_else(people: dict[str, User]) -> None:
    send("--user", "cem", title="by name")
    send("--user", str(people["ann"].pk), title="by key")
    send("--role", "nurse", title="by role")
    send("--everyone", title="to all")

    assert titles(people["cem"]) == ["by name", "to all"]
    assert titles(people["ann"]) == ["by key", "by role", "to all"]


def test_everything_that_is_said_of_it_is_sent(people: dict[str, User]) -> None:
    printed = send(
        *("--role", "nurse", "--severity", "warning", "--ack", "--as", "cem"),
        *("--action", "Show the day=/?date=today", "--action", "Help=https://help.example/"),
        *("--expires", "2999-01-15T10:30"),
    )

    [frame] = heard_by(people["ann"])
    assert printed.split() == ["key", frame["key"]]
    assert frame["user_id"] == people["cem"].pk
    assert frame["data"] | {"notification_id": ""} == {
        "notification_id": "",
        "title": "Title",
        "message": "Text",
        "severity": "warning",
        "action_items": [
            {"label": "Show the day", "url": "/?date=today"},
            {"label": "Help", "url": "https://help.example/"},
        ],
        "expires_at": "2999-01-15T09:30:00.000Z",
        "ack_required": True,
    }


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d12h", 129_600)]
)
def test_how_long_until_it_expires_is_counted_from_now(
    people: dict[str, User], text: str, seconds: int
) -> None:
    send("--everyone", "--expires", text)

    expires_at = Message.objects.get().expires_at
    assert expires_at is not None
    assert abs(expires_at - timezone.now() - timedelta(seconds=seconds)) < timedelta(seconds=5)


def test_the_message_is_read_from_standard_input(
    people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n"))

    send("--everyone", message="-")

    assert heard_by(people["ann"])[0]["data"]["message"] == "one\ntwo"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "to whom"),
        (["--everyone", "--role", "nurse"], "not both"),
        (["--user", "zoe", "--user", "99999"], "no user 'zoe', '99999'"),
        (["--role", "barber"], "no role 'barber'"),
        (["--everyone", "--as", "zoe"], "no user 'zoe'"),
        (["--everyone", "--expires", "soon"], "'soon' is neither"),
        (["--everyone", "--expires", "2026-01-15"], "is neither"),
        (["--everyone", "--expires", "2026-13-45T10:00"], "is neither"),
        (["--everyone", "--expires", "999999999d"], "is neither"),
        (["--everyone", "--expires", "2000-01-01T00:00"], "lies in the past"),
        (["--everyone", "--action", "Click"], "no action"),
        (["--everyone", "--action", "Click=javascript:alert(1)"], "http or https"),
    ],
)
def test_what_was_called_wrongly_says_why_and_sends_nothing(
    people: dict[str, User], options: list[str], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason) as failed:
        send(*options)

    assert failed.value.returncode == 2
    assert not Message.objects.exists()


def test_an_empty_text_is_not_sent() -> None:
    with pytest.raises(CommandError, match="empty"):
        send("--everyone", message=" \n")


def test_a_user_name_that_is_anothers_key_is_not_guessed(people: dict[str, User]) -> None:
    User.objects.create(username=str(people["ann"].pk))

    with pytest.raises(CommandError, match="more than one user"):
        send("--user", str(people["ann"].pk))


def test_a_dry_run_counts_the_active_and_sends_nothing(people: dict[str, User]) -> None:
    printed = [
        send("--dry-run", "--role", "nurse"),
        send("--dry-run", "--role", "nurse", "--user", "cem", "--user", "ann"),
    ]

    assert printed == ["It would reach 1 person.\n", "It would reach 2 people.\n"]
    assert not Message.objects.exists()


def test_waiting_where_no_relay_runs_says_so_and_that_it_is_not_lost(
    people: dict[str, User],
) -> None:
    with pytest.raises(CommandError, match="realtime_relay") as failed:
        send("--everyone", "--wait", "0.1")

    assert failed.value.returncode == 1
    assert titles(people["ann"]) == ["Title"]


def test_a_database_that_is_out_is_a_command_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def out() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(log, "state", out)

    with pytest.raises(CommandError, match="connection refused") as failed:
        send("--everyone")

    assert failed.value.returncode == 1


@pytest.mark.sqlite_only
def test_on_a_real_server_it_waits_for_its_position(clustered_site: Site) -> None:
    clustered_site.surgeries()  # daphne has a hub only once somebody has asked it for something

    sent = clustered_site.manage(
        "realtime_send", "Disk", "-", "--role=nurse", "--as=admin", "--wait", input="full"
    )

    words = dict(line.split() for line in sent.stdout.splitlines())
    after = int(words["position"]) - 1
    answer = clustered_site.request("GET", f"/api/ws/messages?after={after}", who="nurse")
    assert answer.body["results"][0]["key"] == words["key"]
    assert answer.body["results"][0]["data"]["message"] == "full"
    assert answer.body["results"][0]["user_id"] == clustered_site.users["admin"]


@pytest.mark.sqlite_only
def test_the_shell_learns_by_the_exit_code_that_it_called_wrongly(clustered_site: Site) -> None:
    failed = clustered_site.manage("realtime_send", "Disk", "full", check=False)

    assert failed.returncode == 2
    assert "--everyone" in failed.stderr
    assert "Traceback" not in failed.stderr

"""`realtime_epoch`: it says which log this is, changes it only when asked to, and fails in words."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from scheduler_realtime import log
from scheduler_realtime.log import recognition
from scheduler_realtime.models import Log
from tests.harness import fake_hub
from tests.test_recognition import publish

pytestmark = pytest.mark.django_db


def said(*options: str) -> list[str]:
    """The lines that the command prints."""
    out = StringIO()
    call_command("realtime_epoch", *options, stdout=out)
    return out.getvalue().splitlines()


def test_it_says_where_the_log_stands_and_leaves_it_alone() -> None:
    publish(2)
    Log.objects.update(home="a cluster", floor=1)
    before = log.state()

    lines = said()

    assert [line.split(maxsplit=1) for line in lines[:4]] == [
        ["epoch", before.epoch],
        ["head", str(before.head)],
        ["floor", "1"],
        ["home", "a cluster"],
    ]
    assert log.state() == before


def test_it_says_that_the_log_was_last_seen_in_another_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log.state()
    monkeypatch.setitem(recognition.HOME, connection.vendor, "'here'")
    Log.objects.update(home="there")

    assert [line.split()[:2] for line in said()[3:]] == [["home", "there"], ["now", "here:"]]
    assert Log.objects.get().home == "there"


def test_a_new_epoch_is_given_and_rung_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(2)
    monkeypatch.setitem(recognition.HOME, connection.vendor, "'here'")
    Log.objects.update(home="there")
    before = log.state()

    with fake_hub.attached() as hub:
        lines = said("--new")

    after = log.state()
    assert after.epoch != before.epoch
    assert after.head == before.head
    assert hub.woken == 1
    assert before.epoch in lines[0]
    assert "afresh" in lines[0]
    assert after.epoch in lines[1]
    assert log.recognise().state.epoch == after.epoch


def test_a_database_that_is_out_is_a_command_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def out(*facts: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(log, "look", out)

    with pytest.raises(CommandError, match="connection refused"):
        said("--new")


def test_an_option_that_is_not_known_is_a_command_error() -> None:
    with pytest.raises(CommandError):
        said("--old")

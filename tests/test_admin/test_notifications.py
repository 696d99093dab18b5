"""Sending a notification: checked at its fields, looked at, and sent once to those who were named."""

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client
from django.utils import timezone

from scheduler_realtime.admin import sending
from scheduler_realtime.models import Message
from scheduler_realtime.testing import heard_by

from .conftest import Enter, page

FORM = "/admin/scheduler_realtime/message/add/"
SENDER = ("broadcast_message", "view_message")


def typed(**more: Any) -> dict[str, Any]:
    """A form as a browser sends it, to the role of the nurses."""
    blank = {f"links-{n}-{name}": "" for n in range(5) for name in ("label", "url")}
    counts = {"links-TOTAL_FORMS": "5", "links-INITIAL_FORMS": "0"}
    said = {"audience": "some", "roles": ["nurse"], "title": "Room 3 closes", "message": "at noon"}
    return {"step": "preview", "severity": "info", "expires_at": ""} | counts | blank | said | more


def send(client: Client, **more: Any) -> Any:
    return client.post(FORM, typed(**more))


def key_in(answer: Any) -> str:
    found = re.search(r'name="key" value="([^"]+)"', answer.content.decode())
    assert found, answer.content.decode()
    return found[1]


def errors_in(answer: Any) -> str:
    return " ".join(re.findall(r'<ul class="errorlist.*?</ul>', answer.content.decode(), re.DOTALL))


def test_the_preview_says_who_will_get_it_and_sends_nothing(
    enter: Enter, nurses: list[User]
) -> None:
    link = {"links-0-label": "Show the day", "links-0-url": "/day/"}

    answer = send(enter(*SENDER), severity="critical", ack_required="on", **link)

    text = answer.content.decode()
    assert "This will be sent to 3 people: Miriam Fuchs0 (nurse0), Miriam Fuchs1" in text
    assert 'data-severity="critical"' in text
    assert 'href="/day/"' in text
    assert "Acknowledge" in text
    assert not Message.objects.exists()


def test_of_many_receivers_the_first_are_named_and_all_are_counted(enter: Enter) -> None:
    client = enter(*SENDER)
    User.objects.bulk_create(User(username=f"u{n:02}") for n in range(41))
    User.objects.create_user("gone", is_active=False)

    text = send(client, audience="everyone", roles=[]).content.decode()

    assert "This will be sent to 42 people: ada," in text
    assert "and 30 more." in text


def test_what_was_previewed_is_sent_to_those_who_were_named(
    enter: Enter, nurses: list[User]
) -> None:
    client = enter(*SENDER)
    viewer = User.objects.create_user("viewer")
    later = timezone.localtime() + dt.timedelta(hours=2)
    more = {
        "roles": [],
        "users": [str(viewer.pk)],
        "message": "at\r\nnoon",
        "severity": "warning",
        "ack_required": "on",
        "expires_at": f"{later:%Y-%m-%dT%H:%M}",
        "links-2-label": "Show",
        "links-2-url": "https://hospital.example/day",
    }

    key = key_in(send(client, **more))
    answer = send(client, step="send", key=key, **more)

    message = Message.objects.get()
    assert answer.status_code == 302
    frame = heard_by(viewer)[-1]
    assert frame["user_id"] == User.objects.get(username="ada").pk
    assert frame["data"]["message"] == "at\nnoon"
    assert frame["data"]["action_items"] == [
        {"label": "Show", "url": "https://hospital.example/day"}
    ]
    assert (message.ack_required, frame["data"]["severity"]) == (True, "warning")
    assert message.expires_at == later.replace(second=0, microsecond=0)
    assert not heard_by(nurses[0])
    told = page(client, "scheduler_realtime/message/")
    assert f'<a href="/admin/scheduler_realtime/message/{message.pk}/change/">' in told
    assert "was sent to 1 person." in told


def test_what_was_sent_stands_in_the_admin_log(enter: Enter, nurses: list[User]) -> None:
    client = enter(*SENDER)

    send(client, step="send", key=key_in(send(client)))

    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_repr) == ("ada", "Room 3 closes")
    assert entry.is_addition()
    assert entry.object_id == str(Message.objects.get().pk)
    assert entry.get_change_message() == "Sent to 3 people."


def test_a_preview_that_is_sent_twice_is_heard_once(enter: Enter, nurses: list[User]) -> None:
    client = enter(*SENDER)
    key = key_in(send(client))

    first, second = [send(client, step="send", key=key) for _ in range(2)]

    assert (first.status_code, second.status_code) == (302, 302)
    assert Message.objects.count() == LogEntry.objects.count() == 1
    assert "was sent already" in page(client, "scheduler_realtime/message/")


def test_two_previews_of_the_same_words_are_two_messages(enter: Enter, nurses: list[User]) -> None:
    client = enter(*SENDER)

    for key in [key_in(send(client)), key_in(send(client))]:
        send(client, step="send", key=key)

    assert Message.objects.count() == 2


@pytest.mark.parametrize(
    "key",
    ["", "forged", signing.dumps("no uuid", salt="another")],
    ids=["none", "forged", "another"],
)
def test_without_a_preview_nothing_is_sent(enter: Enter, nurses: list[User], key: str) -> None:
    answer = send(enter(*SENDER), step="send", key=key)

    assert "too old" in answer.content.decode()
    assert not Message.objects.exists()


def test_a_preview_older_than_the_log_remembers_is_shown_again(
    enter: Enter, nurses: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = enter(*SENDER)
    key = key_in(send(client))
    monkeypatch.setattr(sending, "PREVIEW_AGE", -1)

    answer = send(client, step="send", key=key)

    assert key_in(answer) != key
    assert not Message.objects.exists()


def test_back_shows_the_form_as_it_was_filled_in(enter: Enter, nurses: list[User]) -> None:
    client = enter(*SENDER)
    more = {"users": [str(nurses[0].pk)], "links-0-label": "Show", "links-0-url": "/"}

    text = send(client, step="back", **more).content.decode()

    assert 'value="Room 3 closes"' in text
    assert "Miriam Fuchs0 (nurse0)" in text
    assert 'value="Show"' in text
    assert "errornote" not in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": ""}, "This field is required"),
        ({"title": "x" * 201}, "at most 200"),
        ({"message": "nul\x00"}, "Null characters"),
        ({"severity": "loud"}, "Select a valid choice"),
        ({"roles": []}, "Choose a role or a person"),
        ({"roles": ["porter"]}, "Select a valid choice"),
        ({"roles": ["admin"]}, "Nobody is in these roles"),
        ({"users": ["999"]}, "Select a valid choice"),
        ({"expires_at": "2020-01-01T10:00"}, "lies in the past"),
        ({"expires_at": "tomorrow"}, "Enter a valid date/time"),
        ({"links-0-label": "Run", "links-0-url": "javascript:alert(1)"}, "must be relative"),
        ({"links-4-label": "Go", "links-4-url": "//evil.example"}, "must be relative"),
        ({"links-1-label": "Only a label"}, "This field is required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_sent(
    enter: Enter, nurses: list[User], wrong: dict[str, Any], said: str
) -> None:
    answers = [
        send(enter(*SENDER), **wrong),
        send(enter(*SENDER, username="b"), step="send", **wrong),
    ]

    for answer in answers:
        assert said in errors_in(answer)
    assert not Message.objects.exists()


def test_all_that_is_wrong_is_said_at_once(enter: Enter, nurses: list[User]) -> None:
    link = {"links-0-label": "Run", "links-0-url": "javascript:alert(1)"}

    said = errors_in(send(enter(*SENDER), title="", roles=[], **link))

    for words in ("This field is required", "Choose a role or a person", "must be relative"):
        assert words in said
    assert said.count("required") == 1


def test_a_fault_of_one_link_is_said_at_that_link(enter: Enter, nurses: list[User]) -> None:
    links = {"links-1-label": "Good", "links-1-url": "/", "links-3-label": "Bad"}

    text = send(enter(*SENDER), **links, **{"links-3-url": "ftp://x"}).content.decode()

    third, fourth = text.index('id="id_links-2-url"'), text.index('id="id_links-3-url"')
    assert third < text.index("must be relative") < fourth


def test_people_are_found_by_any_part_of_their_names(enter: Enter, nurses: list[User]) -> None:
    User.objects.create_user("fuchs-gone", is_active=False)
    client = enter("broadcast_message")
    find = "/admin/scheduler_realtime/message/people/"

    found = client.get(find, {"term": "miriam fuchs1"}).json()
    everybody = client.get(find, {"term": "fuchs"}).json()
    beyond = client.get(find, {"term": "", "page": "999999999999"}).json()

    assert found["results"] == [{"id": str(nurses[1].pk), "text": "Miriam Fuchs1 (nurse1)"}]
    assert len(everybody["results"]) == 3
    assert beyond["results"] == []

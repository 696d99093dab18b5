"""The log in the admin: found, read, never more told than the reader may know, and who has it."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduler_realtime import clock, log
from scheduler_realtime.admin import records
from scheduler_realtime.audience import role_group
from scheduler_realtime.messages import CONTROL
from scheduler_realtime.models import Message, Position, Receipt

from .conftest import Enter, page, tell

LIST = "scheduler_realtime/message/"
CLEARED = "view_patient_details"

UPDATE: dict[str, Any] = {
    "type": "schedule_update",
    "protected": ["patient_name"],
    "data": {
        "action": "update",
        "model": "surgeries.surgery",
        "surgery_id": 12,
        "changes": {"status": "done", "patient_name": "Rosa Secret"},
        "previous": {"status": "planned", "patient_name": "Rosa Hidden"},
    },
}


def rows_in(text: str) -> int:
    return text.count("field-text")


def found(client: Client, **query: Any) -> int:
    return rows_in(page(client, LIST, **query))


def test_a_message_is_told_in_a_line_with_names(enter: Enter, nurses: list[User]) -> None:
    groups = ["role.nurse", f"user.{nurses[0].pk}"]
    tell(groups=groups, actor=str(nurses[1].pk), data={"title": "Room 3", "message": "closes"})

    text = page(enter("view_message"), LIST)

    assert "Room 3 · closes" in text
    assert "role nurse, Miriam Fuchs0 (nurse0)" in text
    assert "Miriam Fuchs1 (nurse1)" in text


def test_a_role_that_is_not_plain_ascii_is_called_by_its_name(enter: Enter) -> None:
    Group.objects.create(name="Pflege & Ärzte")
    tell(groups=[role_group("Pflege & Ärzte")])

    assert "role Pflege &amp; Ärzte" in page(enter("view_message"), LIST)


def test_orders_to_hubs_and_what_has_no_place_yet_are_not_listed(enter: Enter) -> None:
    order = tell(type=CONTROL)
    waiting = tell()
    type(waiting).objects.filter(pk=waiting.pk).update(position=None)
    client = enter("view_message")

    assert found(client) == 0
    page(client, f"{LIST}{order.pk}/change/", status=302)
    page(client, f"{LIST}{waiting.pk}/change/")


@pytest.mark.parametrize("place", ["", "{pk}/change/", "{pk}/history/"])
def test_what_is_protected_is_shown_with_the_clearance_alone(enter: Enter, place: str) -> None:
    message = tell(**UPDATE)
    path = LIST + place.format(pk=message.pk)

    cleared = page(enter("view_message", CLEARED), path)
    other = page(enter("view_message", username="bob"), path)

    assert "Secret" not in other
    assert "Hidden" not in other
    if "history" not in place:
        assert "Secret" in cleared
        assert "status" in other
    if "change" in place:
        assert "patient_name" in other  # that it is left out is said


@pytest.mark.parametrize("word", ["Secret", "rosa", "ecre"])
def test_a_search_finds_no_protected_name_without_the_clearance(enter: Enter, word: str) -> None:
    tell(**UPDATE)
    tell(data={"title": "Rosa Secret", "message": "a name that nobody protects"})

    assert found(enter("view_message", CLEARED), q=word) == 2
    assert found(enter("view_message", username="bob"), q=word) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"body__contains": "Secret"},
        {"body__startswith": "{"},
        {"protected": '["patient_name"]'},
        {"receipts__message__body__contains": "Secret"},
    ],
)
def test_the_address_line_guesses_nothing(enter: Enter, query: dict[str, str]) -> None:
    tell(**UPDATE)

    page(enter("view_message"), LIST, status=400, **query)


def test_autocomplete_searches_no_more_than_the_list_does(enter: Enter) -> None:
    tell(**UPDATE)
    query = {"app_label": "scheduler_realtime", "model_name": "receipt", "field_name": "message"}

    text = page(enter("view_message"), "autocomplete/", term="Secret", **query)

    assert '"results": []' in text


def test_a_message_is_found_by_its_words_its_position_and_its_key(enter: Enter) -> None:
    message = tell(data={"title": 'He said "stop"', "message": "in room 3"})
    tell(data={"title": "Another", "message": "one"})
    client = enter("view_message")

    for query in ('"stop" room', "1", str(message.key)):
        assert found(client, q=query) == 1, query
    assert found(client, q="9" * 30) == 0


def test_filters_find_by_type_time_role_and_person(enter: Enter, nurses: list[User]) -> None:
    Group.objects.create(name="Nurse")
    actor, hearer = nurses[0], nurses[1]
    old = clock.now() - dt.timedelta(days=30)
    tell(groups=["role.nurse"], actor=str(actor.pk), type="conflict_notification")
    tell(groups=["role.Nurse"], created_at=old)
    tell(groups=["user.999"], created_at=old)
    tell(groups=[f"user.{hearer.pk}"], created_at=old)
    client = enter("view_message")

    assert found(client, type="conflict_notification") == 1
    assert found(client, age="hour") == 1
    assert found(client, role="nurse") == 1
    assert found(client, by=actor.username) == 1
    assert found(client, to=hearer.username.upper()) == 2
    assert found(client, to=actor.username) == 1
    assert found(client, to="nobody") == 0
    assert found(client, to=hearer.username, role="nurse") == 1


def test_a_message_that_must_be_acknowledged_says_who_has_not(
    enter: Enter, nurses: list[User]
) -> None:
    message = tell(groups=["role.nurse"], ack_required=True)
    now = clock.now()
    Receipt.objects.create(message=message, user=nurses[0], delivered_at=now, acknowledged_at=now)
    Receipt.objects.create(message=message, user=nurses[1], delivered_at=now)

    text = page(enter("view_message", "view_receipt"), f"{LIST}{message.pk}/change/")

    assert "1 of 3 people have acknowledged it, 2 have not; 2 have got it." in text
    places = [text.index(f"Miriam Fuchs{n} ") for n in (2, 1, 0)]
    assert places == sorted(places), "who waits comes first"
    assert "not delivered yet" in text


def test_a_message_that_need_not_be_acknowledged_says_who_has_read_on_beyond_it(
    enter: Enter, nurses: list[User]
) -> None:
    message = tell(groups=["role.nurse"])
    epoch = log.state().epoch
    for nurse, position in zip(nurses, (1, 0), strict=False):
        now = clock.now()
        Position.objects.create(user=nurse, epoch=epoch, position=position, reached_at=now)

    text = page(enter("view_message", "view_receipt"), f"{LIST}{message.pk}/change/")

    assert "1 of 3 people have it." in text


def test_receipts_take_their_own_permission(enter: Enter, nurses: list[User]) -> None:
    message = tell(groups=["role.nurse"], ack_required=True)

    text = page(enter("view_message"), f"{LIST}{message.pk}/change/")

    assert "Fuchs" not in text


def test_receipts_come_page_by_page(enter: Enter, nurses: list[User]) -> None:
    User.objects.bulk_create(User(username=f"u{n}") for n in range(120))
    message = tell()
    client = enter("view_message", "view_receipt")

    first = page(client, f"{LIST}{message.pk}/change/")
    last = page(client, f"{LIST}{message.pk}/change/", page="3")

    assert "Page 1 of 3" in first
    assert "Page 3 of 3" in last
    assert first.count("not delivered yet") == 50


def test_a_list_with_room_on_its_first_page_is_read_once(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records.RecordAdmin, "list_per_page", 3)
    for _ in range(3):
        tell()
    client = enter("view_message")

    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            page(client, LIST)
        table = f'FROM "{Message._meta.db_table}"'
        return [each["sql"] for each in captured if table in each["sql"]]

    full = asked()
    tell()
    too_full = asked()

    assert (len(full), len(too_full)) == (1, 2)
    assert (found(client), found(client, p="2"), found(client, all="")) == (3, 1, 4)


def test_a_change_is_told_in_words_and_in_the_time_of_the_place(enter: Enter) -> None:
    data = UPDATE["data"] | {
        "changes": {"start_time": "2026-01-15T09:40:00Z", "notes": "", "minutes": 95},
        "previous": {"start_time": "2026-01-15T09:30:00Z", "notes": "Latex", "minutes": 90},
    }
    tell(type="schedule_update", data=data)

    with timezone.override(ZoneInfo("Europe/Vienna")):
        text = page(enter("view_message"), LIST)

    times = "start_time: 2026-01-15 10:30 → 2026-01-15 10:40"
    assert f"update · surgery 12 · {times}, notes: Latex → nothing, minutes: 90 → 95" in text


def test_nothing_is_counted_beyond_what_can_be_paged_through(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST", 60)
    for _ in range(70):
        tell()
    client = enter("view_message")

    assert "60 messages" in page(client, LIST)
    assert found(client, p="2") == 10

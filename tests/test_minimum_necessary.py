"""The minimum necessary: what is protected reaches nobody without the clearance, at any door."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from project.scheduling.models import OperatingRoom, Surgery
from scheduler_realtime import (
    Payload,
    acting_as,
    broadcast_conflict_notification,
    broadcast_emergency_alert,
    broadcast_optimization_progress,
    entitlement,
    publish,
    register_message,
    send_system_notification,
)
from scheduler_realtime import ephemeral as rooms
from scheduler_realtime.messages import TYPES, WITHHELD
from scheduler_realtime.models import Conflict, Message, OptimizationRun
from scheduler_realtime.progress.figures import Figures
from scheduler_realtime.progress.holding import Held
from scheduler_realtime.progress.run import Run
from scheduler_realtime.schemas import asyncapi
from scheduler_realtime.testing import heard_by, pump
from tests.harness import fake_hub
from tests.harness.desk import ask, person, read

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("unthrottled"),
    pytest.mark.sqlite_only,
]

NAME = "Zebedee Quillfeather"

PROTECTED = {
    "emergency_alert": ["description"],
    "system_notification": ["title", "message"],
    "conflict_notification": ["description", "suggested_actions"],
    "optimization_progress": ["metrics"],
}


@pytest.fixture
def _by_setting(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"PROTECTED_FIELDS": PROTECTED, "BULK_THRESHOLD": 2}


MAY = (
    "view_message",
    "view_conflict",
    "view_optimizationrun",
    "view_receipt",
    "broadcast_message",
)


@pytest.fixture
def plain() -> User:
    """Staff that may read every page of the admin and every message, and is not cleared."""
    user = person("plain", *MAY)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return user


@pytest.fixture
def cleared(plain: User) -> User:
    user = person("cleared", "view_patient_details")
    user.user_permissions.add(*Permission.objects.filter(user=plain))
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return user


def _clearance() -> Permission:
    return Permission.objects.get(
        codename="view_patient_details", content_type__app_label="scheduler_realtime"
    )


def tell_everything() -> None:
    """A message of every kind, each with the patient's name where only a protected field has it."""
    room = OperatingRoom.objects.create(name="OR 1")
    facts = {"surgeon": person("surgeon"), "room": room}
    facts |= {"start_time": "2026-03-10T08:00:00Z", "end_time": "2026-03-10T09:00:00Z"}
    surgery = Surgery.objects.create(patient_name=NAME, notes=NAME, **facts)
    pump()
    surgery.patient_name = "somebody else"
    surgery.save()
    pump()
    for _ in range(3):
        Surgery.objects.create(patient_name=NAME, **facts)
    pump()
    Surgery.objects.all().delete()
    broadcast_emergency_alert(
        emergency_id="e", emergency_type="trauma", priority="high", description=NAME
    )
    broadcast_emergency_alert(
        emergency_id="f", emergency_type="t", priority="high", description="d", patient_name=NAME
    )
    send_system_notification(title=NAME, message=f"about {NAME}")
    broadcast_conflict_notification(
        conflict_id="c",
        conflict_type="room",
        severity="error",
        description=NAME,
        suggested_actions=[f"Move {NAME}"],
    )
    broadcast_optimization_progress(
        optimization_id="run", progress_percentage=100, status="completed", metrics={"w": NAME}
    )
    pump()


def of_the_log(user: User) -> str:
    return json.dumps(heard_by(user))


def of_messages(user: User) -> str:
    return ask("GET", "messages?limit=500", who=user).content.decode()


def of_conflicts(user: User) -> str:
    return ask("GET", "conflicts", who=user).content.decode()


def of_optimizations(user: User) -> str:
    return ask("GET", "optimizations", who=user).content.decode()


def of_receipts(user: User) -> str:
    answers = [
        ask("GET", f"messages/{position}/receipts", who=user)
        for position in Message.objects.values_list("position", flat=True)
    ]
    assert {each.status_code for each in answers} == {200}
    return "".join(each.content.decode() for each in answers)


def of_the_admin(user: User) -> str:
    """Every page of messages and of conflicts, lists and searches, and the index."""
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    root = "/admin/scheduler_realtime"
    keys = Message.objects.order_by("pk").values_list("pk", flat=True)
    paths = [f"{root}/message/", f"{root}/conflict/", f"{root}/", "/admin/"]
    paths += [f"{root}/message/{key}/change/" for key in keys]
    paths += [f"{root}/conflict/{Conflict.objects.get().pk}/change/"]
    paths += [f"{root}/optimizationrun/{OptimizationRun.objects.get().pk}/change/"]
    answers = [client.get(path) for path in paths]
    assert {each.status_code for each in answers} == {200}
    return "".join(each.content.decode() for each in answers)


def of_a_terminal(user: User) -> str:
    return tail() if user.username == "plain" else tail("--protected")


def tail(*words: str) -> str:
    said = [io.StringIO(), io.StringIO()]
    for out, more in zip(said, ([], ["--json"]), strict=True):
        call_command("realtime_tail", "--last", "100", "--no-follow", *words, *more, stdout=out)
    return "".join(out.getvalue() for out in said)


DOORS: list[Callable[[User], str]] = [
    of_the_log,
    of_messages,
    of_conflicts,
    of_optimizations,
    of_the_admin,
    of_a_terminal,
]


@pytest.mark.usefixtures("_by_setting")
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_name_is_for_those_with_the_clearance(
    door: Callable[[User], str], plain: User, cleared: User
) -> None:
    tell_everything()

    assert NAME in door(cleared)
    assert "Zebedee" not in door(plain)
    assert "Zebedee" not in of_receipts(plain)


@pytest.mark.usefixtures("_by_setting")
def test_what_a_message_must_have_stays_as_a_word_and_the_rest_goes(plain: User) -> None:
    tell_everything()

    by_type = {frame["type"]: frame["data"] for frame in heard_by(plain)}

    assert by_type["emergency_alert"]["description"] == WITHHELD
    assert by_type["emergency_alert"]["priority"] == "high"
    assert "patient_name" not in by_type["emergency_alert"]
    assert by_type["conflict_notification"]["description"] == WITHHELD
    assert "suggested_actions" not in by_type["conflict_notification"]
    assert "metrics" not in by_type["optimization_progress"]
    [conflict] = read(ask("GET", "conflicts", who=plain))["results"]
    assert (conflict["description"], conflict["suggested_actions"]) == (WITHHELD, [])


@pytest.mark.usefixtures("_by_setting")
def test_the_documents_say_what_may_be_missing() -> None:
    schemas = asyncapi.document()["components"]["schemas"]

    assert "metrics" not in schemas["OptimizationProgressData"]["required"]
    assert "description" in schemas["EmergencyAlertData"]["required"]


@pytest.mark.usefixtures("_by_setting")
@pytest.mark.parametrize(
    "query", ["message/?q=Zebedee", "conflict/?q=Zebedee", "conflict/?description__startswith=Zeb"]
)
def test_no_search_of_the_admin_tells_what_it_does_not_show(
    query: str, plain: User, cleared: User
) -> None:
    tell_everything()

    found = []
    for user in (plain, cleared):
        client = Client()
        client.force_login(User.objects.get(pk=user.pk))
        answer = client.get(f"/admin/scheduler_realtime/{query}")
        context = answer.context
        found.append(len(context["cl"].result_list) if context and "cl" in context else 0)

    assert found[0] == 0
    assert bool(found[1]) is ("?q=" in query)


# Over REST: what the sender is told.


@pytest.mark.parametrize("may_see", [False, True])
def test_the_answer_says_no_more_than_a_socket_would(may_see: bool, plain: User) -> None:
    if may_see:
        plain.user_permissions.add(_clearance())
    body = {
        "type": "schedule_update",
        "data": {
            "action": "update",
            "model": "scheduling.surgery",
            "surgery_id": 1,
            "changes": {"patient_name": NAME, "status": "done"},
            "previous": {"patient_name": NAME},
        },
    }

    answer = ask("POST", "broadcast", who=plain, body=body)

    assert answer.status_code == 201
    assert read(answer)["data"]["changes"]["status"] == "done"
    assert (NAME in answer.content.decode()) is may_see


@pytest.mark.parametrize(
    "data",
    [
        {"action": NAME},
        {"action": "update", "changes": NAME},
        {"action": "update", "surgery_id": [NAME]},
        {"action": "update", "schedule_date": NAME},
        {"action": "update", "changes": {"patient_name": NAME + "\x00"}},
        {"action": "update", "affected_surgeries": NAME},
        {"action": "update", "changes": [{"patient_name": NAME}]},
        NAME,
    ],
)
def test_no_refusal_says_the_value_that_it_refuses(data: Any, plain: User) -> None:
    answer = ask("POST", "broadcast", who=plain, body={"type": "schedule_update", "data": data})

    assert answer.status_code == 400
    assert "Zebedee" not in answer.content.decode()


@pytest.mark.parametrize("field", ["type", "users", "roles", "expires_at", "ack_required"])
def test_no_refusal_of_who_and_when_says_it_either(field: str, plain: User) -> None:
    body = {"type": "system_notification", "data": {"title": "t", "message": "m"}, field: NAME}

    answer = ask("POST", "broadcast", who=plain, body=body)

    assert answer.status_code == 400
    assert "Zebedee" not in answer.content.decode()


@pytest.mark.usefixtures("_by_setting")
def test_what_an_administrator_sends_is_not_in_the_log_of_their_deeds() -> None:
    from scheduler_realtime.admin.sending import _named

    message = send_system_notification(title=NAME, message="m")

    assert message is not None
    assert NAME not in _named(message, NAME)
    assert not LogEntry.objects.exists()


# The layer.


class Whisper(Payload):
    type = "whisper"
    durable = False
    protected = frozenset({"who"})

    who: str | None = None


@pytest.fixture
def _whisper() -> Iterator[None]:
    before = dict(TYPES)
    register_message(Whisper)
    yield
    TYPES.clear()
    TYPES.update(before)


@pytest.mark.usefixtures("_whisper")
def test_what_is_protected_goes_into_the_log_and_not_into_the_layer(
    plain: User, cleared: User, django_capture_on_commit_callbacks: Any
) -> None:
    with fake_hub.attached() as hub, django_capture_on_commit_callbacks(execute=True):
        kept, not_kept = publish(Whisper(who=NAME)), publish(Whisper())

    assert kept is not None
    assert not_kept is None
    assert [each["frame"]["data"] for each in hub.heard if "frame" in each] == [{"who": None}]
    assert heard_by(cleared)[-1]["data"] == {"who": NAME}
    assert heard_by(plain)[-1]["data"] == {}


@pytest.mark.usefixtures("_by_setting")
def test_a_tick_is_carried_without_what_is_protected(
    django_capture_on_commit_callbacks: Any,
) -> None:
    with fake_hub.attached() as hub, django_capture_on_commit_callbacks(execute=True):
        for n in range(3):
            broadcast_optimization_progress(
                optimization_id="ticking", progress_percentage=n, metrics={"w": NAME}
            )

    frames = [each["frame"] for each in hub.heard if "frame" in each]
    assert frames
    assert all("metrics" not in frame["data"] for frame in frames)


@pytest.mark.usefixtures("_by_setting")
def test_what_others_put_into_the_layer_is_redacted_too() -> None:
    frame = {"type": "system_notification", "data": {"title": NAME, "message": NAME}}

    texts = rooms._texts(frame)  # noqa: SLF001 - what a hub does with a frame of the layer

    assert NAME in texts[True]
    assert NAME not in texts[False]


# The check.


@pytest.mark.parametrize(
    ("protected", "complaints"),
    [
        (PROTECTED, 0),
        ({"schedule_update": ["notes", "status"]}, 0),
        ({"emergency_alert": ["priority"]}, 1),
        ({"emergency_alrt": ["description"]}, 1),
        ({"user_presence": ["username"]}, 1),
    ],
)
def test_what_no_message_can_go_without_is_complained_of(
    protected: dict[str, list[str]], complaints: int, settings: Settings
) -> None:
    settings.SCHEDULER_REALTIME = {"PROTECTED_FIELDS": protected}

    found = list(entitlement.check_protected_fields())

    assert [each.id for each in found] == ["scheduler_realtime.E032"] * complaints


def test_who_acts_is_no_secret(plain: User) -> None:
    with acting_as(plain):
        broadcast_emergency_alert(
            emergency_id="e", emergency_type="t", priority="high", description="d"
        )

    assert heard_by(plain)[-1]["user_id"] == plain.pk


@pytest.mark.usefixtures("_by_setting")
def test_a_tracked_run_is_carried_without_it_as_well() -> None:
    with fake_hub.attached() as hub:
        held = Held(optimization_id="tracked", groups=frozenset({"everyone"}), actor=None)
        run = Run(held, Figures(total=None, direction="minimize"), look=None)
        run.status = "running"
        run.update(percentage=5, metrics={"w": NAME})
        run._tick()  # noqa: SLF001 - without waiting for its time

    frames = [each["frame"] for each in hub.heard if "frame" in each]
    assert frames
    assert NAME not in str(frames)

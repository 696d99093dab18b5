"""Each page takes its own permission; who lacks it sees no link to it, and gets 403."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from scheduler_realtime.models import Connection, Message, Node

from .conftest import Enter, connect, make_node, page, tell

REALTIME = "scheduler_realtime/"
SEND, DASHBOARD = f"{REALTIME}message/add/", f"{REALTIME}node/dashboard/"

PAGES = {
    f"{REALTIME}connection/": "view_connection",
    f"{REALTIME}message/": "view_message",
    SEND: "broadcast_message",
    f"{REALTIME}message/people/": "broadcast_message",
    f"{REALTIME}conflict/": "view_conflict",
    f"{REALTIME}optimizationrun/": "view_optimizationrun",
    f"{REALTIME}node/": "view_node",
    DASHBOARD: "view_statistics",
}
EVERYTHING = sorted(set(PAGES.values()))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_with_its_own_permission(enter: Enter, path: str) -> None:
    assert page(enter(PAGES[path]), path)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_refused_to_who_has_every_other_permission(enter: Enter, path: str) -> None:
    others = [name for name in EVERYTHING if name != PAGES[path]]
    if path == f"{REALTIME}node/":
        others.remove("view_statistics")  # which shows the nodes as well

    page(enter(*others), path, status=403)


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_of_the_staff_is_sent_to_log_in(db: None, path: str) -> None:
    client = Client()
    client.force_login(User.objects.create_user("eve"))

    answer = client.get(f"/admin/{path}")

    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


@pytest.mark.parametrize("where", ["", REALTIME, f"{REALTIME}conflict/"])
def test_links_are_shown_to_those_who_may_follow_them_alone(enter: Enter, where: str) -> None:
    may = page(enter("view_conflict", "view_statistics", "broadcast_message"), where)
    may_not = page(enter("view_conflict", username="bob"), where)

    assert SEND in may
    assert SEND not in may_not
    assert DASHBOARD not in may_not
    assert where == "" or DASHBOARD in may  # Django's own index lists models alone


@pytest.mark.parametrize("permission", ["view_statistics", "broadcast_message"])
def test_who_has_one_permission_alone_finds_the_way_from_the_index(
    enter: Enter, permission: str
) -> None:
    client = enter(permission)

    index, app = page(client, ""), page(client, REALTIME)

    assert f'href="/admin/{REALTIME}"' in index
    assert (DASHBOARD if permission == "view_statistics" else SEND) in app


@pytest.mark.parametrize("model", [Connection, Message, Node])
def test_nothing_is_changed_or_deleted_even_by_a_superuser(db: None, model: type) -> None:
    client = Client()
    admin_user = User.objects.create_superuser("root")
    client.force_login(admin_user)
    row = {
        Connection: lambda: connect(make_node(), admin_user),
        Message: tell,
        Node: make_node,
    }[model]()
    place = f"/admin/{REALTIME}{model.__name__.lower()}/"

    answers = [
        client.post(f"{place}{row.pk}/change/", {"username": "x", "hostname": "x", "type": "x"}),
        client.post(f"{place}{row.pk}/delete/", {"post": "yes"}),
    ]
    client.post(place, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})

    assert [answer.status_code for answer in answers] == [403, 403]
    assert "x" not in str(type(row).objects.values().get(pk=row.pk).values())
    assert model.objects.filter(pk=row.pk).exists()


def test_a_user_who_is_connected_can_be_deleted_by_whoever_may_delete_users(enter: Enter) -> None:
    client = enter("auth.view_user", "auth.change_user", "auth.delete_user")
    eve = User.objects.create_user("eve")
    connect(make_node(), eve)

    answer = client.post(f"/admin/auth/user/{eve.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 302
    assert not User.objects.filter(username="eve").exists()
    assert not Connection.objects.exists()


@pytest.mark.parametrize("path", sorted({SEND, DASHBOARD}))
def test_a_strict_content_security_policy_breaks_no_page_of_ours(enter: Enter, path: str) -> None:
    text = page(enter("broadcast_message", "view_statistics"), path)

    inline = [tag for tag in re.findall(r"<script[^>]*>", text) if "src=" not in tag]
    assert all('type="application/json"' in tag for tag in inline)
    assert "<style" not in text
    assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", text)


def test_no_script_of_ours_writes_markup() -> None:
    folder = Path(__file__).parents[2] / "scheduler_realtime/static/scheduler_realtime/admin"

    scripts = [path.read_text() for path in folder.glob("*.js")]

    assert scripts
    assert not [text for text in scripts if "innerHTML" in text or "insertAdjacentHTML" in text]

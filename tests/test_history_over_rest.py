"""Reading the log over REST, acknowledging there, and who got what: on real servers."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.site import Answer, Site

pytestmark = pytest.mark.servers

NOTIFY = """
from scheduler_realtime import send_system_notification
send_system_notification(title={title!r}, message="m", {more})
from tests.harness import pristine
pristine.settle()
"""

PATHS = ["/api/ws/messages", "/api/ws/messages/"]


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    yield embedded_site
    assert "Traceback" not in embedded_site.server.log_text()[before:]


def notify(site: Site, title: str, **more: Any) -> None:
    words = ", ".join(f"{key}={value!r}" for key, value in more.items())
    site.shell(NOTIFY.format(title=title, more=words))


def read(site: Site, who: str = "nurse", **params: Any) -> Answer:
    query = "&".join(f"{key}={value}" for key, value in params.items())
    return site.request("GET", f"/api/ws/messages?{query}", who=who, timeout=40)


def head(site: Site) -> int:
    return int(read(site, limit=1).body["head"])


def titles(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [frame["data"]["title"] for frame in answer.body["results"]]


@pytest.mark.parametrize("path", PATHS)
def test_what_follows_a_position_is_read_in_order(site: Site, path: str) -> None:
    start = head(site)
    for title in ("one", "two"):
        notify(site, title)

    answer = site.request("GET", f"{path}?after={start}", who="nurse")

    assert titles(answer) == ["one", "two"]
    first, second = answer.body["results"]
    assert (first["id"], second["id"]) == (start + 1, start + 2)
    assert answer.body["position"] == answer.body["head"] == start + 2
    assert answer.body["has_more"] is False
    assert answer.body["recovered"] is True
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["cache-control"] == "no-store"


def test_a_page_says_whether_there_is_more_and_how_far_it_looked(site: Site) -> None:
    start = head(site)
    for title in ("one", "two", "three"):
        notify(site, title)

    first = read(site, after=start, limit=2)
    second = read(site, after=first.body["position"], limit=2)

    assert (titles(first), first.body["has_more"]) == (["one", "two"], True)
    assert (titles(second), second.body["has_more"]) == (["three"], False)


def test_only_what_the_user_may_see_is_read(site: Site) -> None:
    start = head(site)
    notify(site, "hers", users=[site.user_id("nurse")])
    notify(site, "the role's", roles=["surgeon"])
    notify(site, "gone", expires_at="2020-01-01T00:00:00Z")

    assert titles(read(site, "nurse", after=start)) == ["hers"]
    assert titles(read(site, "surgeon", after=start)) == ["the role's"]
    assert titles(read(site, "viewer", after=start)) == []


def test_protected_fields_are_left_out_for_who_is_not_cleared(site: Site) -> None:
    start = head(site)
    pk = site.surgeries()[0]["id"]
    site.patch_surgery(pk, notes="allergic")
    wait_until_positioned(site)

    cleared = read(site, "scheduler", after=start).body["results"][0]["data"]
    others = read(site, "viewer", after=start).body["results"][0]["data"]

    assert cleared["changes"] == {"notes": "allergic"}
    assert others["changes"] == {}


def wait_until_positioned(site: Site) -> None:
    site.shell("from tests.harness import pristine; pristine.settle()")


def test_messages_can_be_chosen_by_type(site: Site) -> None:
    start = head(site)
    notify(site, "one")

    assert titles(read(site, after=start, type="system_notification")) == ["one"]
    assert titles(read(site, after=start, type="emergency_alert")) == []


async def test_an_empty_answer_waits_until_there_is_something(site: Site) -> None:
    start = await asyncio.to_thread(head, site)
    begun = time.monotonic()

    waiting = asyncio.create_task(asyncio.to_thread(read, site, after=start, wait=20))
    await asyncio.to_thread(notify, site, "at last")
    answer = await waiting

    assert titles(answer) == ["at last"]
    assert time.monotonic() - begun < 15


async def test_who_waits_is_not_woken_by_what_is_not_theirs(site: Site) -> None:
    start = await asyncio.to_thread(head, site)

    waiting = asyncio.create_task(asyncio.to_thread(read, site, "nurse", after=start, wait=20))
    await asyncio.to_thread(notify, site, "not hers", roles=["surgeon"])
    await asyncio.to_thread(notify, site, "hers", roles=["nurse"])
    answer = await waiting

    assert titles(answer) == ["hers"]


def test_an_empty_answer_comes_after_the_time_it_may_wait(site: Site) -> None:
    start = head(site)

    answer = read(site, after=start, wait=0.3)

    assert titles(answer) == []
    assert answer.body["position"] == start


@pytest.mark.parametrize(
    ("params", "reason"),
    [({"after": 10**9}, "ahead"), ({"after": 0, "epoch": "another"}, "epoch_changed")],
)
def test_who_cannot_be_brought_up_to_date_is_told_why(
    site: Site, params: dict[str, Any], reason: str
) -> None:
    answer = read(site, wait=5, **params)

    assert answer.status == 200
    assert (answer.body["recovered"], answer.body["reason"]) == (False, reason)
    assert answer.body["results"] == []
    assert answer.body["position"] == answer.body["head"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("after", "-1"),
        ("after", "x"),
        ("after", str(2**63)),
        ("after", "9" * 5000),
        ("limit", "0"),
        ("limit", "501"),
        ("wait", "-1"),
        ("wait", "26"),
        ("wait", "nan"),
        ("type", "t" * 65),
        ("type", ""),
        ("after", ""),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(site: Site, name: str, value: str) -> None:
    answer = read(site, **{name: value})

    assert answer.status == 400
    assert set(answer.body) == {name}


def test_nobody_unknown_reads_anything(site: Site) -> None:
    for path in (*PATHS, "/api/ws/messages/1/receipts"):
        assert site.request("GET", path).status == 401
    assert site.request("POST", "/api/ws/messages/1/ack").status == 401


def test_an_acknowledgement_over_rest_counts_on_every_device(site: Site) -> None:
    start = head(site)
    notify(site, "sign here", ack_required=True)
    position = start + 1

    answer = site.request("POST", f"/api/ws/messages/{position}/ack", who="nurse")
    again = site.request("POST", f"/api/ws/messages/{position}/ack/", who="nurse")
    receipts = site.request("GET", f"/api/ws/messages/{position}/receipts", who="admin")

    assert (answer.status, answer.body) == (200, {"acknowledged": [position], "unknown": []})
    assert again.status == 200
    assert [each["username"] for each in receipts.body["results"]] == ["nurse"]
    assert receipts.body["results"][0]["acknowledged_at"].endswith("Z")
    assert receipts.body["next"] is receipts.body["previous"] is None


async def test_an_acknowledgement_over_rest_is_told_to_the_users_sockets(site: Site) -> None:
    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(notify, site, "sign here", ack_required=True)
        message = await ear.next("system_notification")
        path = f"/api/ws/messages/{message['id']}/ack"
        await asyncio.to_thread(site.request, "POST", path, who="nurse")

        told = await ear.next("receipt_update")

    assert told["data"]["state"] == "acknowledged"


def test_what_one_may_not_see_cannot_be_told_from_what_is_not_there(site: Site) -> None:
    start = head(site)
    notify(site, "hers", users=[site.user_id("nurse")], ack_required=True)

    hers = site.request("POST", f"/api/ws/messages/{start + 1}/ack", who="viewer")
    none = site.request("POST", f"/api/ws/messages/{start + 10**6}/ack", who="viewer")
    huge = site.request("POST", f"/api/ws/messages/{'9' * 19}/ack", who="viewer")

    assert (hers.status, hers.body) == (none.status, none.body) == (huge.status, huge.body)
    assert hers.status == 404
    assert site.shell("print(Receipt.objects.count())") == "0"


@pytest.mark.parametrize("name", ["-1", "x", "1.5", "9" * 30, "%00", "%D9%A1"])
def test_what_is_no_position_is_not_found(site: Site, name: str) -> None:
    answer = site.request("POST", f"/api/ws/messages/{name}/ack", who="nurse")

    assert answer.status == 404
    assert set(answer.body) == {"detail"}


def test_receipts_are_for_those_who_may_watch_them(site: Site) -> None:
    path = f"/api/ws/messages/{10**6}/receipts"

    assert site.request("GET", path, who="nurse").status == 403
    assert site.request("GET", path, who="admin").status == 404


async def test_who_has_read_beyond_an_ordinary_message_has_got_it(site: Site) -> None:
    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(notify, site, "ordinary")
        message = await ear.next("system_notification")
        await ear.ask("heartbeat", {"position": message["id"]})
        # An answer means that all is written that waited when the question before it came.
        await ear.ask("ack", {"id": 10**6})
        await ear.ask("ack", {"id": 10**6})

        path = f"/api/ws/messages/{message['id']}/receipts"
        answer = await asyncio.to_thread(site.request, "GET", path, who="admin")

    assert [(each["username"], each["acknowledged_at"]) for each in answer.body["results"]] == [
        ("nurse", None)
    ]


def test_a_wrong_method_and_a_wrong_content_type_are_refused(site: Site) -> None:
    assert site.request("DELETE", "/api/ws/messages", who="nurse").status == 405
    assert site.request("GET", "/api/ws/messages/1/ack", who="nurse").status == 405

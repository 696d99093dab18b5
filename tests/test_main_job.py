"""The main job, end to end: a saved surgery reaches the sockets of whoever may know, and no other."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.harness.site import Site

SHELL_SAVE = "s = Surgery.objects.get(pk={pk}); s.notes = {notes!r}; s.save()"


def is_update_of(surgery_id: int, **changes: Any) -> Any:
    """Whether a frame says that this surgery's fields have these values now."""

    def fits(frame: dict[str, Any]) -> bool:
        data = frame["data"]
        return (
            frame["type"] == "schedule_update"
            and data["surgery_id"] == surgery_id
            and data["model"] == "scheduling.surgery"
            and all(data["changes"].get(name) == value for name, value in changes.items())
        )

    return fits


def in_an_hour(text: str) -> str:
    later = datetime.fromisoformat(text) + timedelta(hours=1)
    return later.isoformat()


async def test_a_save_by_rest_in_one_process_is_heard_in_every_process(
    clustered_site: Site,
) -> None:
    surgery = clustered_site.surgeries()[0]
    daphne, uvicorn = clustered_site.named("daphne"), clustered_site.named("uvicorn")

    async with (
        clustered_site.listen("nurse", server=daphne) as near,
        clustered_site.listen("surgeon", server=uvicorn) as far,
    ):
        await near.next("welcome")
        await far.next("welcome")
        await asyncio.to_thread(
            clustered_site.patch_surgery, surgery["id"], server=daphne, notes="one"
        )

        heard = [
            await ear.next(where=is_update_of(surgery["id"], notes="one")) for ear in (near, far)
        ]

    assert heard[0] == heard[1]
    assert heard[0]["user_id"] == clustered_site.users["scheduler"]
    assert heard[0]["data"]["action"] == "update"
    assert heard[0]["data"]["previous"] == {"notes": surgery["notes"]}


async def test_a_save_in_the_shell_is_heard(clustered_site: Site) -> None:
    pk = clustered_site.surgeries()[0]["id"]

    async with clustered_site.listen("nurse") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(clustered_site.shell, SHELL_SAVE.format(pk=pk, notes="shell"))

        frame = await ear.next(where=is_update_of(pk, notes="shell"))

    assert "user_id" not in frame


async def test_a_save_in_another_process_is_heard_without_a_channel_layer(
    embedded_site: Site,
) -> None:
    pk = embedded_site.surgeries()[0]["id"]

    async with embedded_site.listen("nurse") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(embedded_site.shell, SHELL_SAVE.format(pk=pk, notes="alone"))

        await ear.next(where=is_update_of(pk, notes="alone"), timeout=2)


async def test_a_save_in_the_admin_is_heard_with_who_did_it(embedded_site: Site) -> None:
    surgery = embedded_site.surgeries()[0]

    async with embedded_site.listen("viewer") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(save_in_admin, embedded_site, surgery["id"])

        frame = await ear.next(where=is_update_of(surgery["id"], priority="emergency"))

    assert frame["user_id"] == embedded_site.users["admin"]


def save_in_admin(site: Site, pk: int) -> None:
    """Log in with a browser's cookies, open the form, change one field, and save."""
    import http.cookiejar
    import re
    import urllib.parse
    import urllib.request

    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def submit(path: str, fields: dict[str, str]) -> str:
        url = f"{site.server.http_url}{path}"
        token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
        body = urllib.parse.urlencode(fields | {"csrfmiddlewaretoken": token}).encode()
        request = urllib.request.Request(url, body, {"Referer": url})  # noqa: S310 - http, ours
        answer = opener.open(request, timeout=10)
        return str(answer.read().decode())

    opener.open(f"{site.server.http_url}/admin/login/", timeout=10).read()
    submit("/admin/login/", {"username": "admin", "password": "demo", "next": "/admin/"})
    path = f"/admin/scheduling/surgery/{pk}/change/"
    page = opener.open(f"{site.server.http_url}{path}", timeout=10).read().decode()
    fields = dict(re.findall(r'<input [^>]*?name="(\w+)"[^>]*?value="([^"]*)"', page))
    for name, options in re.findall(r'<select name="(\w+)"(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        fields[name] = chosen.group(1) if chosen else ""
    for name, text in re.findall(r'<textarea name="(\w+)"[^>]*>(.*?)</textarea>', page, re.DOTALL):
        fields[name] = text.strip()
    saved = submit(path, fields | {"priority": "emergency", "_save": "Save"})
    assert "was changed successfully" in saved, saved[:3000]


async def test_a_rolled_back_save_is_never_heard(clustered_site: Site) -> None:
    pk = clustered_site.surgeries()[0]["id"]
    rolled_back = f"""
try:
    with transaction.atomic():
        {SHELL_SAVE.format(pk=pk, notes="never")}
        raise LookupError
except LookupError:
    pass
{SHELL_SAVE.format(pk=pk, notes="sentinel")}
"""

    async with clustered_site.listen("nurse") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(clustered_site.shell, rolled_back)
        before = await ear.drain_until(is_update_of(pk, notes="sentinel"))

    assert not [frame for frame in before if frame["type"] == "schedule_update"]


async def test_a_savepoint_that_rolls_back_takes_only_its_own_changes(
    clustered_site: Site,
) -> None:
    one, two = (row["id"] for row in clustered_site.surgeries()[:2])
    nested = f"""
with transaction.atomic():
    {SHELL_SAVE.format(pk=one, notes="kept")}
    try:
        with transaction.atomic():
            {SHELL_SAVE.format(pk=two, notes="lost")}
            raise LookupError
    except LookupError:
        pass
{SHELL_SAVE.format(pk=two, notes="sentinel")}
"""

    async with clustered_site.listen("nurse") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(clustered_site.shell, nested)
        before = await ear.drain_until(is_update_of(two, notes="sentinel"))

    heard = [frame["data"] for frame in before if frame["type"] == "schedule_update"]
    assert [(data["surgery_id"], data["changes"]) for data in heard] == [(one, {"notes": "kept"})]


async def test_only_the_entitled_hear(clustered_site: Site) -> None:
    send = """
from scheduler_realtime import send_system_notification
send_system_notification(title="For nurses", message="m", roles=["nurse"])
send_system_notification(title="For one", message="m", users=[User.objects.get(username="viewer")])
send_system_notification(title="For all", message="m")
"""

    async with (
        clustered_site.listen("nurse", server=clustered_site.servers[0]) as nurse,
        clustered_site.listen("viewer", server=clustered_site.servers[1]) as viewer,
        clustered_site.listen("surgeon", server=clustered_site.servers[1]) as surgeon,
    ):
        ears = (nurse, viewer, surgeon)
        for ear in ears:
            await ear.next("welcome")
        await asyncio.to_thread(clustered_site.shell, send)
        for ear in ears:
            await ear.next(where=lambda frame: frame["data"].get("title") == "For all")
        titles = [
            {f["data"]["title"] for f in ear.frames if f["type"] == "system_notification"}
            for ear in ears
        ]

    assert titles == [{"For nurses", "For all"}, {"For one", "For all"}, {"For all"}]


async def test_patients_names_are_left_out_for_those_without_the_clearance(
    embedded_site: Site,
) -> None:
    surgery = embedded_site.surgeries()[0]

    async with (
        embedded_site.listen("nurse") as cleared,
        embedded_site.listen("viewer") as uncleared,
    ):
        await cleared.next("welcome")
        await uncleared.next("welcome")
        await asyncio.to_thread(
            embedded_site.patch_surgery,
            surgery["id"],
            patient_name="Rosa Secret",
            surgery_type="Appendectomy",
        )
        whole = await cleared.next("schedule_update")
        redacted = await uncleared.next("schedule_update")

    assert whole["data"]["changes"]["patient_name"] == "Rosa Secret"
    assert redacted["id"] == whole["id"]
    assert set(redacted["data"]["changes"]) == {"surgery_type"}
    assert "Secret" not in str(uncleared.frames)


async def test_a_move_names_those_it_touches_in_the_old_and_the_new_place(
    embedded_site: Site,
) -> None:
    rows = embedded_site.surgeries()
    one = rows[0]
    other = next(row for row in rows if row["room"] != one["room"])

    async with embedded_site.listen("scheduler") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(
            embedded_site.patch_surgery,
            one["id"],
            room=other["room"],
            start_time=other["start_time"],
            end_time=in_an_hour(other["end_time"]),
        )
        frame = await ear.next(where=is_update_of(one["id"], room=other["room"]))

    assert frame["data"]["room_id"] == other["room"]
    assert other["id"] in frame["data"]["affected_surgeries"]
    assert one["id"] not in frame["data"]["affected_surgeries"]


@pytest.mark.parametrize("how", ["subprotocol", "query", "header", "first_frame"])
async def test_a_token_opens_a_socket_in_each_of_its_ways(embedded_site: Site, how: Any) -> None:
    async with embedded_site.listen("nurse", how=how) as ear:
        welcome = await ear.next("welcome")

    assert ear.frames[0] == welcome
    assert welcome["data"]["username"] == "nurse"
    assert welcome["data"]["roles"] == ["nurse"]
    assert welcome["data"]["groups"] == [
        "everyone",
        "role.nurse",
        f"user.{embedded_site.users['nurse']}",
    ]

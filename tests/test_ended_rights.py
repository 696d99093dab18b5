"""Rights that end, over real servers: whichever node a socket is on, and whoever ended them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.harness.listener import Listener
from tests.harness.site import Site

pytestmark = pytest.mark.slow

NURSE = 'from django.contrib.auth.models import User; nurse = User.objects.get(username="nurse"); '

TAKE_ROLE = (
    NURSE
    + """
from scheduler_realtime import send_system_notification
send_system_notification(title="before", message="m", roles=["nurse"])
nurse.groups.clear()
for n in range(5):
    send_system_notification(title="after", message="m", roles=["nurse"])
send_system_notification(title="end", message="m")
"""
)


@contextlib.asynccontextmanager
async def everywhere(site: Site) -> AsyncIterator[list[Listener]]:
    """The nurse at each server, welcomed."""
    async with contextlib.AsyncExitStack() as stack:
        ears = [
            await stack.enter_async_context(site.listen("nurse", server=server))
            for server in site.servers
        ]
        for ear in ears:
            await ear.next("welcome")
        yield ears


async def test_a_role_that_is_taken_away_is_heard_of_no_more(clustered_site: Site) -> None:
    async with everywhere(clustered_site) as ears:
        await asyncio.to_thread(clustered_site.shell, TAKE_ROLE)
        heard = [
            await ear.drain_until(lambda frame: frame["data"].get("title") == "end") for ear in ears
        ]

    titles = [
        [frame["data"]["title"] for frame in frames if frame["type"] == "system_notification"]
        for frames in heard
    ]
    # What came before may be judged by what the user is when it is handed over.
    assert all(set(each) <= {"before"} for each in titles)


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ("nurse.is_active = False; nurse.save()", 4403),
        ('nurse.set_password("another"); nurse.save()', 4401),
        ("nurse.delete()", 4401),
    ],
    ids=["deactivated", "another password", "deleted"],
)
async def test_whoever_may_not_be_here_is_closed_on_every_node(
    clustered_site: Site, deed: str, code: int
) -> None:
    async with everywhere(clustered_site) as ears:
        await asyncio.to_thread(clustered_site.shell, NURSE + deed)

        assert [await ear.closed(timeout=2) for ear in ears] == [code, code]


LOG_IN = (
    NURSE
    + """
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
admin, session = User.objects.get(username="admin"), SessionStore()
session[SESSION_KEY] = str(admin.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = admin.get_session_auth_hash()
session.save()
print(session.session_key)
"""
)

CSRF = "a" * 32


async def test_who_logs_out_takes_the_sockets_of_the_session_along(embedded_site: Site) -> None:
    site = embedded_site
    key = await asyncio.to_thread(site.shell, LOG_IN)
    headers = {
        "Cookie": f"sessionid={key}; csrftoken={CSRF}",
        "X-CSRFToken": CSRF,
        "Origin": site.server.http_url,
    }
    answer = await asyncio.to_thread(site.request, "POST", "/api/ws/ticket", headers=headers)
    ticket = answer.body["ticket"]

    async with (
        Listener.open(site.server, params={"ticket": ticket}) as page,
        site.listen("admin") as phone,
    ):
        for ear in (page, phone):
            await ear.next("welcome")
        await asyncio.to_thread(site.request, "POST", "/admin/logout/", headers=headers)
        code = await page.closed(timeout=2)
        await phone.drain_by_asking()
        is_phone_open = phone.is_open

    assert (code, is_phone_open) == (4401, True)

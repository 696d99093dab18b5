"""Tickets: one handshake each, for their user alone, and nothing of them is kept that opens one."""

import asyncio
import hashlib
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from scheduler_realtime import tickets
from scheduler_realtime.claims import Claims
from scheduler_realtime.models import Ticket
from tests.harness.listener import Listener
from tests.harness.site import Answer, Site

CLAIMS = Claims(user_key="7", expires_at=4_000_000_000.0, password_mark="mark")

PATHS = ["/api/ws/ticket", "/api/ws/ticket/"]


@pytest.mark.django_db
def test_a_ticket_says_what_it_was_given_for_once() -> None:
    ticket = tickets.issue(CLAIMS)

    assert tickets.redeem([ticket]) == {ticket: CLAIMS}
    assert tickets.redeem([ticket]) == {}


@pytest.mark.django_db
def test_only_the_hash_of_a_ticket_is_kept() -> None:
    ticket = tickets.issue(CLAIMS)

    (row,) = Ticket.objects.values_list("digest", "claims")
    assert row[0] == hashlib.sha256(ticket.encode()).hexdigest()
    assert ticket not in "".join(row)
    assert len(ticket) * 6 >= tickets.BITS


@pytest.mark.django_db
def test_many_are_redeemed_together_and_what_is_none_is_left_out() -> None:
    given = [tickets.issue(CLAIMS) for _ in range(3)]

    found = tickets.redeem([*given, "", "unknown", "\ud800", "\x00", "a" * 10**6])

    assert found == dict.fromkeys(given, CLAIMS)


@pytest.mark.django_db
def test_a_ticket_that_is_too_old_is_worth_nothing_and_is_swept_out() -> None:
    old, young = tickets.issue(CLAIMS), tickets.issue(CLAIMS)
    digest = hashlib.sha256(old.encode()).hexdigest()
    Ticket.objects.filter(pk=digest).update(expires_at=timezone.now() - timedelta(seconds=1))

    redeemed = tickets.redeem([old])
    tickets.sweep()

    assert redeemed == {}
    assert Ticket.objects.count() == 1
    assert tickets.redeem([young])


@pytest.mark.django_db(transaction=True)
def test_of_fifty_who_use_a_ticket_at_once_one_has_it() -> None:
    ticket = tickets.issue(CLAIMS)
    found: list[dict[str, Claims]] = []
    together = threading.Barrier(10)

    def use() -> None:
        together.wait(10)
        found.extend(tickets.redeem([ticket]) for _ in range(5))
        connections.close_all()

    threads = [threading.Thread(target=use) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(found) == 50
    assert [each for each in found if each] == [{ticket: CLAIMS}]


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    yield embedded_site
    assert "Traceback" not in embedded_site.server.log_text()[before:]


def ask(site: Site, who: str | None, path: str = PATHS[0], **facts: Any) -> Answer:
    return site.request("POST", path, who=who, **facts)


async def close_code(site: Site, ticket: str) -> int:
    async with Listener.open(site.server, token=None, how="none", params={"ticket": ticket}) as ear:
        return await ear.closed()


@pytest.mark.servers
@pytest.mark.parametrize("path", PATHS)
async def test_a_ticket_opens_a_socket_for_its_user(site: Site, path: str) -> None:
    answer = await asyncio.to_thread(ask, site, "nurse", path)
    params = {"ticket": answer.body["ticket"]}
    async with Listener.open(site.server, token=None, how="none", params=params) as ear:
        welcome = await ear.next("welcome")

    assert (answer.status, answer.body["expires_in"]) == (201, 30)
    assert welcome["data"]["username"] == "nurse"


@pytest.mark.servers
async def test_of_many_sockets_with_one_ticket_one_is_opened(site: Site) -> None:
    ticket = (await asyncio.to_thread(ask, site, "nurse")).body["ticket"]

    async def use() -> str:
        params = {"ticket": ticket}
        async with Listener.open(site.server, token=None, how="none", params=params) as ear:
            try:
                return str((await ear.next("welcome"))["type"])
            except AssertionError:
                return str(await ear.closed())

    ends = await asyncio.gather(*(use() for _ in range(20)))

    assert sorted(ends) == [*["4401"] * 19, "welcome"]


@pytest.mark.servers
@pytest.mark.parametrize("ticket", ["unknown", "%00", "a" * 5000])
async def test_what_is_no_ticket_is_refused_as_any_credential(site: Site, ticket: str) -> None:
    assert await close_code(site, ticket) == 4401


@pytest.mark.servers
async def test_a_ticket_ends_with_the_token_it_was_asked_for_with(site: Site) -> None:
    token = site.token("nurse", lifetime=timedelta(seconds=3))
    headers = {"Authorization": f"Bearer {token}"}
    answer = await asyncio.to_thread(ask, site, None, headers=headers)
    params = {"ticket": answer.body["ticket"]}
    async with Listener.open(site.server, token=None, how="none", params=params) as ear:
        welcome = await ear.next("welcome")
        code = await ear.closed(timeout=8)

    assert code == 4401
    ends = timezone.datetime.fromisoformat(welcome["data"]["token_expires_at"])
    assert abs(ends.timestamp() - time.time()) < 6


@pytest.mark.servers
async def test_a_ticket_of_somebody_who_was_locked_out_opens_nothing(site: Site) -> None:
    new = int(await asyncio.to_thread(site.shell, 'print(User.objects.create(username="new").pk)'))
    ticket = (await asyncio.to_thread(ask, site, new)).body["ticket"]
    await asyncio.to_thread(site.shell, f"User.objects.filter(pk={new}).update(is_active=False)")

    assert await close_code(site, ticket) == 4403


@pytest.mark.servers
def test_nobody_unknown_gets_a_ticket_and_nobody_gets_too_many(site: Site) -> None:
    unknown = ask(site, None)
    asked = [ask(site, "surgeon").status for _ in range(31)]

    assert unknown.status == 401
    assert asked == [*[201] * 30, 429]

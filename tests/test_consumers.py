"""The consumer on real servers: who gets in, what ends a socket and with which code."""

import asyncio
import contextlib
import http.cookiejar
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.harness import opening, tokens
from tests.harness.app_server import KINDS
from tests.harness.listener import How, Listener
from tests.harness.opening import Seeded
from tests.harness.site import Site

pytestmark = pytest.mark.servers

NOBODY = 999_999_999

IMPATIENT = {
    "WEBSOCKET_AUTHENTICATE_TIMEOUT": "0.3",
    "WEBSOCKET_CONNECTION_TIMEOUT": "1",
    "WEBSOCKET_MAX_CONNECTIONS": "3",
    "WEBSOCKET_MAX_UNAUTHENTICATED": "3",
}


@pytest.fixture(scope="module", params=KINDS)
def _shared_impatient_site(request: pytest.FixtureRequest, seeded_sqlite: Seeded) -> Iterator[Site]:
    site = opening.open_embedded(seeded_sqlite, request.param, env=IMPATIENT)
    with contextlib.closing(site):
        yield site


@pytest.fixture
def impatient_site(_shared_impatient_site: Site) -> Iterator[Site]:
    """A server that takes three sockets and waits for none of them."""
    yield from logging_no_traceback(_shared_impatient_site)


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    yield from logging_no_traceback(embedded_site)


def logging_no_traceback(site: Site) -> Iterator[Site]:
    before = len(site.server.log_text())
    yield site
    assert "Traceback" not in site.server.log_text()[before:]


def knock(
    site: Site, token: str | None, how: How = "query", **more: Any
) -> contextlib.AbstractAsyncContextManager[Listener]:
    return Listener.open(site.server, token=token, how=how, **more)


TURNED_AWAY: dict[str, Callable[[Site], str]] = {
    "garbage": lambda site: "garbage",
    "three parts of garbage": lambda site: "a.b.c",
    "text that is not ASCII": lambda site: "schlüssel.ä.ö",
    "a refresh token": lambda site: tokens.refresh(site.users["nurse"]),
    "an expired token": lambda site: tokens.expired(site.users["nurse"]),
    "an unsigned token": lambda site: tokens.unsigned(site.users["nurse"]),
    "a token signed with another key": lambda site: tokens.wrong_key(site.users["nurse"]),
    "a token for nobody": lambda site: tokens.access(NOBODY),
    "a token for no number": lambda site: tokens.access("nurse"),
}


@pytest.mark.parametrize("token", TURNED_AWAY.values(), ids=TURNED_AWAY.keys())
async def test_a_token_that_is_no_good_closes_with_4401_before_a_word(
    site: Site, token: Callable[[Site], str]
) -> None:
    async with knock(site, token(site)) as ear:
        assert await ear.closed() == 4401

    assert ear.frames == []


@pytest.mark.parametrize("how", ["subprotocol", "header", "first_frame"])
async def test_a_bad_token_is_turned_away_whichever_way_it_comes(site: Site, how: How) -> None:
    async with knock(site, tokens.refresh(site.users["nurse"]), how) as ear:
        assert await ear.closed() == 4401

    assert ear.frames == []


async def test_an_inactive_user_is_told_not_to_come_again(site: Site) -> None:
    lock_out = 'User.objects.filter(username="viewer").update(is_active=False)'
    await asyncio.to_thread(site.shell, lock_out)

    async with site.listen("viewer") as ear:
        assert await ear.closed() == 4403

    assert ear.frames == []


async def test_a_deleted_user_gets_in_no_more(site: Site) -> None:
    make_and_delete = """
user = User.objects.create(username="gone")
print(user.pk)
user.delete()
"""
    pk = int(await asyncio.to_thread(site.shell, make_and_delete))

    async with knock(site, tokens.access(pk)) as ear:
        assert await ear.closed() == 4401


@pytest.mark.parametrize(
    "payload",
    [
        '{"type":"heartbeat","data":{}}',
        '{"type":"authenticate","data":{"token":"garbage"}}',
        '{"type":"authenticate"}',
        "nonsense",
        b"\x00\x01",
    ],
)
async def test_a_stranger_whose_first_frame_is_no_token_is_shown_out(
    site: Site, payload: str | bytes
) -> None:
    async with knock(site, None) as ear:
        await ear.send_raw(payload)

        assert await ear.closed() == 4401

    assert ear.frames == []


async def test_a_strangers_first_frame_may_not_be_too_large(site: Site) -> None:
    async with knock(site, None) as ear:
        await ear.send_raw("x" * (65 * 1024))

        assert await ear.closed() == 4413


async def test_a_stranger_who_says_nothing_is_shown_out_in_time(impatient_site: Site) -> None:
    async with knock(impatient_site, None) as ear:
        assert await ear.closed(timeout=2) == 4401

    assert ear.frames == []


async def test_no_more_strangers_may_wait_than_the_setting_says(impatient_site: Site) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(knock(impatient_site, None))
        async with knock(impatient_site, None) as ear:
            assert await ear.closed() == 4513
        async with impatient_site.listen("nurse") as known:
            await known.next("welcome")


async def test_a_cookie_is_no_credential(site: Site) -> None:
    cookies = await asyncio.to_thread(log_in, site)

    async with knock(site, None, headers={"Cookie": cookies}) as ear:
        await ear.send({"type": "heartbeat", "data": {}})

        assert await ear.closed() == 4401


def log_in(site: Site) -> str:
    """A session of the admin's, as a browser would send it."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    url = f"{site.server.http_url}/admin/login/"
    opener.open(url, timeout=10).read()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    fields = {
        "username": "admin",
        "password": "demo",
        "csrfmiddlewaretoken": token,
        "next": "/admin/",
    }
    opener.open(url, urllib.parse.urlencode(fields).encode(), timeout=10).read()
    cookies = {str(cookie.name): str(cookie.value) for cookie in jar}
    assert "sessionid" in cookies
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


async def test_an_unknown_path_is_refused_with_403(site: Site) -> None:
    url = site.server.ws_url.replace("/api/ws/ws", "/api/ws/elsewhere")

    with pytest.raises(InvalidStatus) as refused:
        async with Listener.open(url, token=site.token("nurse")):
            pass

    assert refused.value.response.status_code == 403


async def test_a_slash_at_the_end_of_the_path_does_not_matter(site: Site) -> None:
    async with Listener.open(site.server.ws_url + "/", token=site.token("nurse")) as ear:
        await ear.next("welcome")


async def test_a_client_that_falls_silent_is_closed_with_4408_and_no_other(
    impatient_site: Site,
) -> None:
    async with impatient_site.listen("nurse") as silent, impatient_site.listen("viewer") as lively:
        while silent.is_open:
            await lively.ask("heartbeat")
            with contextlib.suppress(AssertionError):
                await silent.closed(timeout=0.3)

        assert await silent.closed() == 4408
        assert lively.is_open


async def test_a_token_that_ends_is_announced_and_then_closes_with_4401(site: Site) -> None:
    async with knock(site, site.token("nurse", lifetime=timedelta(seconds=2))) as ear:
        welcome = await ear.next("welcome")
        warning = await ear.next("token_expiring")

        assert await ear.closed() == 4401

    assert warning["data"]["token_expires_at"] == welcome["data"]["token_expires_at"]


async def test_one_socket_too_many_is_told_to_come_again(impatient_site: Site) -> None:
    async with contextlib.AsyncExitStack() as stack:
        ears = [await stack.enter_async_context(impatient_site.listen("nurse")) for _ in range(3)]
        for ear in ears:
            await ear.next("welcome")
        async with impatient_site.listen("nurse") as late:
            assert await late.closed() == 4513
        await ears[0].close()
        async with impatient_site.listen("nurse") as later:
            await later.next("welcome")


async def test_sockets_that_end_in_any_way_leave_no_place_taken(impatient_site: Site) -> None:
    handshake = (
        "GET /api/ws/ws?token={token} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).format(token=impatient_site.token("nurse"))
    for length in (10, len(handshake) - 2, len(handshake)):
        _, line = await asyncio.open_connection("127.0.0.1", impatient_site.server.port)
        line.write(handshake[:length].encode())
        await line.drain()
        line.transport.abort()
    for how in ("query", "none"):
        async with knock(impatient_site, impatient_site.token("nurse"), how) as ear:
            ear.abort()

    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            ear = await stack.enter_async_context(admitted(impatient_site))
            assert ear.is_open


@contextlib.asynccontextmanager
async def admitted(site: Site) -> Any:
    """A socket that got in, within two seconds, as soon as there is a place for it."""
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.timeout(2):
            while True:
                ear = await stack.enter_async_context(site.listen("nurse"))
                with contextlib.suppress(AssertionError):
                    await ear.next("welcome")
                    break
        yield ear

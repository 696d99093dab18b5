"""Log injection: whatever a client writes, it begins no line of a log and colours no terminal."""

import asyncio
import contextlib
import http.client
import json
import re
from urllib.parse import quote

import pytest

from tests.harness.hostile import Hostile, frame
from tests.harness.site import Site

pytestmark = pytest.mark.servers

BREAKS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
FORGED = "FORGED 2026-01-15 10:30:00 ERROR django.request"
TEXTS = (*(f"x{each}{FORGED}" for each in BREAKS), "x\x1b[2J\x1b[31mFORGED", "x\x9b2JFORGED")

RENAME = """
for number, text in enumerate({texts}):
    user = User.objects.create(username=f"log {{number}} {{text}}"[:150])
    print(user.pk)
"""


async def test_nothing_a_client_writes_begins_a_line_of_the_log(embedded_site: Site) -> None:
    site = embedded_site
    before = len(site.server.log_path.read_bytes())
    made = await asyncio.to_thread(site.shell, RENAME.format(texts=json.dumps(TEXTS)))
    for text in TEXTS:
        await asyncio.to_thread(by_http, site, text)
        await by_handshake(site, text)
        await by_frames(site, text)
    for pk in made.split():
        async with site.listen(int(pk)) as ear:
            await ear.ask("heartbeat")

    log = site.server.log_path.read_bytes()[before:].decode(errors="replace")
    lines = re.split("[" + re.escape("".join(BREAKS)) + "]", log)
    assert [line for line in lines if line.lstrip().startswith("FORGED")] == []
    assert not {character for character in log if character in "\x1b\x9b"}


def by_http(site: Site, text: str) -> None:
    """In a path, a query, a user agent and a referer; what HTTP cannot carry is percent-encoded."""
    line = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=10)
    sent = {"User-Agent": raw(text), "Referer": raw(text), "X-Forwarded-For": raw(text)}
    for path in (
        f"/{quote(text)}",
        f"/api/ws/messages?type={quote(text)}",
        f"/admin/{quote(text)}",
    ):
        line.request("GET", path, headers=sent)
        line.getresponse().read()
    line.close()


def raw(text: str) -> str:
    """As a header may carry it: without what ends the header."""
    return re.sub("[\r\n\x00]", " ", text).encode().decode("latin-1")


async def by_handshake(site: Site, text: str) -> None:
    """In the path, query, subprotocol, origin and user agent of a handshake, and past the header's end."""
    for path in (f"/api/ws/ws?token={quote(text)}", f"/api/{quote(text)}"):
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\nUser-Agent: {text}\r\nOrigin: http://{text}\r\n"
            f"Sec-WebSocket-Protocol: {text}\r\n\r\n"
        )
        async with Hostile.connected(site.server) as client:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(5):
                    await client.send(request.encode("utf-8", "surrogateescape"))
                    await client.read(1024)


async def by_frames(site: Site, text: str) -> None:
    """In a type, a reference, a page, a token, and as a frame by itself."""
    async with Hostile.connected(site.server) as client:
        await client.request(site.token("nurse"))
        for said in (
            {"type": text, "data": {}, "ref": text},
            {"type": "heartbeat", "data": {"current_page": text, "active_schedule_date": text}},
            {"type": "authenticate", "data": {"token": text}},
            {"type": "subscribe", "data": {"types": [text], "rooms": [text]}},
        ):
            await client.send(frame(json.dumps(said).encode()))
        await client.send(frame(text.encode()))
        await client.send(frame((4000).to_bytes(2, "big") + text.encode()[:100], 8))
        with contextlib.suppress(OSError):
            while await client.read(4096):
                pass

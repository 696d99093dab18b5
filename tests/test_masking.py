"""Masking: whatever the format, no line says a token or a ticket, and every line stays readable."""

import asyncio
import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from daphne.access import AccessLogGenerator
from uvicorn.logging import AccessFormatter

from scheduler_realtime import masking
from tests.harness.app_server import KINDS, AppServer, Kind
from tests.harness.listener import Listener
from tests.harness.site import Site

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.AbC-_dEf"
TICKET = "r4nd0m-and_URL-safe_of-256-bits_r4nd0m-and_"


@pytest.fixture
def lines() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A server's logger, and what its handler wrote."""
    logger, said = logging.getLogger("uvicorn.error"), io.StringIO()
    handler = logging.StreamHandler(said)
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield logger, said
    logger.removeHandler(handler)
    logger.setLevel(level)


CALLS: dict[str, tuple[Any, ...]] = {
    "in an argument": ('%s - "WebSocket %s" [accepted]', "::1", f"/ws?since=5&token={JWT}&epoch=e"),
    "a ticket": ('"%s"', f"/api/ws/ws?ticket={TICKET}"),
    "in the message": (f"GET /ws?ticket={TICKET} HTTP/1.1",),
    "the name in the format": ("?ticket=%s", TICKET),
    "by name": ("%(path)s", {"path": f"/ws?token={JWT}"}),
    "bytes": ("%r", {"query_string": f"token={JWT}".encode()}),
    "a header": ("< %s: %s", "Authorization", f"Bearer {TICKET}"),
    "another header": ("< %s: %s", "Authorization", f"Secret {TICKET}"),
    "a header in ASGI's way": ("%s", [(b"authorization", f"Bearer {TICKET}".encode())]),
    "a subprotocol": ("< Sec-WebSocket-Protocol: %s", f"scheduler.v1, bearer.{JWT}"),
    "a frame": ("< TEXT %s", f"""'{{"type": "authenticate", "data": {{"token": "{JWT}"}}}}'"""),
    "a frame that is cut": (
        "< TEXT %s",
        f"""'{{"data": {{"token": "{JWT[:9]}...{JWT[-9:]}"}}}}'""",
    ),
    "an answer": ("%s", f'{{"ticket": "{TICKET}", "expires_in": 30}}'),
    "a cookie": ("< Cookie: %s", f"csrftoken=abc; sessionid={TICKET}"),
    "an error": ("%s", ValueError(f"invalid request line: /?token={JWT}")),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_opens_a_socket_is_masked(
    call: tuple[Any, ...], lines: tuple[logging.Logger, io.StringIO]
) -> None:
    logger, said = lines

    logger.info(*call)

    line = said.getvalue()
    assert masking.MASK in line
    for secret in (JWT, JWT[:9], JWT[-8:], TICKET):
        assert secret not in line


def test_what_opens_none_stays_as_it_is(lines: tuple[logging.Logger, io.StringIO]) -> None:
    logger, said = lines

    logger.info("Bearer tokens: %d of %5.1f, %s, %s", 3, 2.5, "/ws?since=5&epoch=e", None)

    assert said.getvalue() == "Bearer tokens: 3 of   2.5, /ws?since=5&epoch=e, None\n"


@pytest.mark.parametrize("text", [" ".join(map(str, call)) for call in CALLS.values()])
def test_what_is_masked_is_not_masked_again(text: str) -> None:
    once = masking.masked(text)

    assert masking.masked(once) == once


def test_a_traceback_is_masked(lines: tuple[logging.Logger, io.StringIO]) -> None:
    logger, said = lines

    try:
        {}[f"/ws?token={JWT}"]
    except KeyError:
        logger.exception("It failed")

    assert "KeyError: '/ws?token=***'" in said.getvalue()
    assert JWT not in said.getvalue()


def test_uvicorns_access_line_keeps_its_form(
    lines: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, said = lines
    logger.handlers[-1].setFormatter(AccessFormatter("%(client_addr)s %(request_line)s"))

    logger.info('%s - "%s %s HTTP/%s" %d', "::1", "GET", f"/x?token={JWT}", "1.1", 200)

    assert said.getvalue() == "::1 GET /x?token=*** HTTP/1.1\n"


def test_daphnes_access_log_is_masked_though_it_is_no_logger() -> None:
    said = io.StringIO()
    masking.install()

    details = {"client": "::1", "path": f"/ws?ticket={TICKET}"}
    AccessLogGenerator(said)("websocket", "connected", details)

    assert "/ws?ticket=***" in said.getvalue()
    assert TICKET not in said.getvalue()


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x85", "\u2028"])
def test_what_a_client_wrote_begins_no_line_of_a_server(
    character: str, lines: tuple[logging.Logger, io.StringIO]
) -> None:
    logger, said = lines

    logger.info('%s - "%s"', f"::1{character}FORGED", ValueError(f"/{character}FORGED"))
    logger.info("%(path)s", {"path": f"/{character}FORGED"})

    assert character not in said.getvalue().replace("\n", "", 2).rstrip("\n")
    assert said.getvalue().count("FORGED") == 3


def test_what_a_host_says_may_have_many_lines() -> None:
    record = logging.LogRecord("surgeries", logging.INFO, "", 0, "%s", ("one\ntwo",), None)

    masking.Masking().filter(record)

    assert record.getMessage() == "one\ntwo"


def test_a_broken_line_is_its_handlers_to_report(lines: tuple[logging.Logger, io.StringIO]) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%d", ("no number",), None)

    assert masking.Masking().filter(record)


def test_to_install_it_again_changes_nothing() -> None:
    masking.install()
    write_entry = AccessLogGenerator.write_entry
    filters = list(logging.getLogger("uvicorn.error").filters)

    masking.install()

    assert logging.getLogger("uvicorn.error").filters == filters
    assert AccessLogGenerator.write_entry is write_entry


# Real servers, as talkative as they can be.

TALKATIVE: dict[Kind, list[str]] = {
    "uvicorn": ["--log-level", "trace", "--access-log"],
    "daphne": ["-v", "3", "--access-log", "-"],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_no_line_of_a_talkative_server_says_a_token_or_a_ticket(
    bare_site: Site, kind: Kind
) -> None:
    server = AppServer(kind, database_url=bare_site.database_url, options=TALKATIVE[kind])
    bare_site.servers.append(server)
    await asyncio.to_thread(server.start)
    token = bare_site.token("nurse")
    answer = await asyncio.to_thread(bare_site.request, "POST", "/api/ws/ticket", who="nurse")
    ticket = answer.body["ticket"]

    for how in ("query", "header", "subprotocol", "first_frame"):
        async with Listener.open(server, token=token, how=how) as ear:  # type: ignore[arg-type]  # each is one
            await ear.next("welcome")
            await ear.ask("authenticate", {"token": token})
    async with Listener.open(server, params={"ticket": ticket}) as ear:
        await ear.next("welcome")
    async with Listener.open(server, params={"ticket": ticket}) as ear:
        await ear.closed()
    path = f"/nowhere?token={token}&ticket={ticket}"
    await asyncio.to_thread(bare_site.request, "GET", path, who="nurse")
    await asyncio.to_thread(server.stop)

    said = server.log_text()
    assert masking.MASK in said
    assert "/api/ws/ws" in said
    secrets = [ticket, token, *token.split(".")[1:]]
    assert [line for line in said.splitlines() if any(each in line for each in secrets)] == []

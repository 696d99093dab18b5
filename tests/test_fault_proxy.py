"""The fault suite's proxy: it carries both ways, and cuts, freezes, silences and delays."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from tests.faults.proxy import Route

pytestmark = pytest.mark.sqlite_only

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HERE = "127.9.0.1"
THERE = "127.9.0.2"


_open: list[asyncio.StreamWriter] = []


@pytest.fixture
async def route() -> AsyncIterator[Route]:
    """A route to a server that answers each line with itself."""
    ended = asyncio.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()
        ended.set()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    route = Route(server.sockets[0].getsockname()[1])
    await route.open()
    yield route
    await route.close()
    await hang_up()
    await asyncio.wait_for(ended.wait(), 5)
    server.close()


async def connected(route: Route, peer: str = HERE) -> Ends:
    reader, writer = await asyncio.open_connection("127.0.0.1", route.port, local_addr=(peer, 0))
    _open.append(writer)
    return reader, writer


async def hang_up() -> None:
    while _open:
        writer = _open.pop()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def asked(ends: Ends, text: bytes = b"hello\n") -> bytes:
    ends[1].write(text)
    return await asyncio.wait_for(ends[0].readline(), 5)


async def is_reset(ends: Ends) -> bool:
    try:
        await asyncio.wait_for(ends[0].read(1), 5)
    except ConnectionResetError:
        return True
    return False


async def test_what_one_side_says_reaches_the_other(route: Route) -> None:
    ends = await connected(route)

    assert await asked(ends) == b"hello\n"
    assert await asked(ends, b"x" * 60_000 + b"\n") == b"x" * 60_000 + b"\n"


async def test_what_one_side_closes_is_closed_to_the_other(route: Route) -> None:
    ends = await connected(route)

    ends[1].write(b"last\n")
    ends[1].write_eof()

    assert await asyncio.wait_for(ends[0].read(), 5) == b"last\n"


async def test_a_cut_resets_every_line_and_each_new_one_until_healed(route: Route) -> None:
    ends = await connected(route)
    await asked(ends)

    route.cut()
    assert await is_reset(ends)
    assert await is_reset(await connected(route))

    route.heal()
    assert await asked(await connected(route)) == b"hello\n"


async def test_a_frozen_route_holds_bytes_back_and_loses_none(route: Route) -> None:
    ends = await connected(route)
    await asked(ends)

    route.freeze()
    ends[1].write(b"held\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(
            asyncio.shield(held := asyncio.ensure_future(ends[0].readline())), 0.2
        )
    route.heal()

    assert await asyncio.wait_for(held, 5) == b"held\n"


async def test_a_banned_peer_is_reset_and_others_are_not(route: Route) -> None:
    ends, other = await connected(route), await connected(route, THERE)
    await asked(ends)
    await asked(other)

    route.ban(HERE)
    assert await is_reset(ends)
    assert await is_reset(await connected(route))
    assert await asked(other) == b"hello\n"

    route.allow(HERE)
    assert await asked(await connected(route)) == b"hello\n"


async def test_a_silenced_peers_bytes_are_gone_and_its_line_ends_with_the_silence(
    route: Route,
) -> None:
    ends = await connected(route)
    await asked(ends)

    route.silence(HERE)
    ends[1].write(b"unheard\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ends[0].readline(), 0.2)
    route.allow(HERE)

    assert await is_reset(ends)
    assert await asked(await connected(route)) == b"hello\n"


async def test_a_delay_holds_back_each_piece_in_both_directions(route: Route) -> None:
    ends = await connected(route)
    route.delay = 0.1

    begun = time.monotonic()
    await asked(ends)

    assert time.monotonic() - begun >= 0.2


async def test_a_target_that_is_gone_resets_whoever_connects() -> None:
    unused = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    route = Route(unused.sockets[0].getsockname()[1])
    unused.close()
    await unused.wait_closed()
    await route.open()

    assert await is_reset(await connected(route))
    await route.close()
    await hang_up()

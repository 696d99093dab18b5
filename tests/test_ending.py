"""The end of a hub: signals in their order, what waits is written, and nothing waits for ever."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvloop

from scheduler_realtime import ending as endings
from scheduler_realtime.ending import Ending
from tests.harness.child import REPOSITORY
from tests.harness.house import House, tasks_of_ours
from tests.harness.line import until

pytestmark = pytest.mark.sqlite_only


class Shell:
    """A hub that only remembers what its ending did, and what the server was told."""

    def __init__(self, *, is_empty: bool = True) -> None:
        self.loop = asyncio.get_running_loop()
        self.empty = is_empty
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.told: list[object] = []
        self.ending = Ending(self)
        self.ending.unwritten.append(self.write)

    def drain(self) -> None:
        if "drained" not in self.told:
            self.told.append("drained")

    def is_empty(self) -> bool:
        return self.empty

    async def write(self) -> None:
        await self.may_write.wait()
        self.told.append("written")

    async def shut(self) -> None:
        self.told.append("shut")

    def server_hears(self, number: int, frame: object) -> None:
        self.told.append(signal.Signals(number))


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Run a coroutine in the main thread on a loop of either kind, and put its handlers back."""
    before = {number: signal.getsignal(number) for number in endings.SIGNALS}
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run
    for number, handler in before.items():
        signal.signal(number, handler)


Run = Callable[[Coroutine[Any, Any, None]], None]


def under_a_server(*numbers: signal.Signals, **facts: Any) -> Shell:
    """A shell that listens, with a server that handles these signals."""
    shell = Shell(**facts)
    for number in numbers:
        signal.signal(number, shell.server_hears)
    shell.ending.listen()
    return shell


@pytest.mark.parametrize("number", endings.SIGNALS)
def test_the_server_hears_of_a_signal_when_all_is_closed_and_written(
    run: Run, number: signal.Signals
) -> None:
    async def scene() -> None:
        shell = under_a_server(number)

        os.kill(os.getpid(), number)
        await until(lambda: number in shell.told)

        assert shell.told == ["drained", "written", "shut", number]

    run(scene())


def test_a_second_signal_goes_straight_to_the_server(run: Run) -> None:
    async def scene() -> None:
        shell = under_a_server(signal.SIGTERM, signal.SIGINT)
        shell.may_write.clear()
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: shell.told)

        os.kill(os.getpid(), signal.SIGINT)
        await until(lambda: signal.SIGINT in shell.told)
        shell.may_write.set()
        await shell.ending.come()

        assert shell.told == ["drained", signal.SIGTERM, signal.SIGINT, "written", "shut"]

    run(scene())


def test_a_server_that_has_its_signals_from_the_loop_has_them_still(run: Run) -> None:
    async def scene() -> None:
        shell, heard = Shell(), asyncio.Event()
        shell.loop.add_signal_handler(signal.SIGTERM, heard.set)
        shell.ending.listen()

        os.kill(os.getpid(), signal.SIGTERM)
        await heard.wait()

        assert shell.told[0] == "drained"
        await shell.ending.come()

    run(scene())


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler])
def test_a_signal_that_nobody_handles_is_left_alone(run: Run, handler: Any) -> None:
    async def scene() -> None:
        for number in endings.SIGNALS:
            signal.signal(number, handler)

        Shell().ending.listen()

        assert [signal.getsignal(number) for number in endings.SIGNALS] == [handler] * 2

    run(scene())


def test_a_loop_beside_the_main_thread_takes_no_signals(run: Run) -> None:
    async def scene() -> None:
        shell = Shell()
        signal.signal(signal.SIGTERM, shell.server_hears)

        thread = threading.Thread(target=shell.ending.listen)
        thread.start()
        thread.join()

        assert signal.getsignal(signal.SIGTERM) == shell.server_hears

    run(scene())


def test_the_servers_handlers_are_its_own_again_afterwards(run: Run) -> None:
    async def scene() -> None:
        shell = under_a_server(signal.SIGTERM, signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # somebody's, put there after us

        await shell.ending.come()

        assert signal.getsignal(signal.SIGTERM) == shell.server_hears
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN

    run(scene())


def test_a_signal_after_the_loop_has_ended_goes_straight_to_the_server(run: Run) -> None:
    shells: list[Shell] = []

    async def scene() -> None:
        shells.append(under_a_server(signal.SIGTERM))

    run(scene())
    os.kill(os.getpid(), signal.SIGTERM)

    assert shells[0].told == [signal.SIGTERM]


def test_a_hub_that_another_thread_replaces_keeps_no_signal_from_the_server(run: Run) -> None:
    shells: list[Shell] = []

    async def scene() -> None:
        shells.append(under_a_server(signal.SIGTERM))

    run(scene())
    with ThreadPoolExecutor() as pool:
        pool.submit(shells[0].ending.forget).result()
    os.kill(os.getpid(), signal.SIGTERM)

    assert shells[0].told == [signal.SIGTERM]


def test_what_waits_is_written_once_the_sockets_have_left(run: Run) -> None:
    async def scene() -> None:
        shell = Shell(is_empty=False)
        coming = asyncio.create_task(shell.ending.come())
        await until(lambda: shell.told)
        told_before = list(shell.told)

        shell.empty = True
        await coming

        assert told_before == ["drained"]
        assert shell.told == ["drained", "written", "shut"]

    run(scene())


async def test_neither_clients_nor_a_database_that_do_not_answer_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(endings, "LEAVE_WITHIN", 0.05)
    monkeypatch.setattr(endings, "WRITE_WITHIN", 0.05)
    shell = Shell(is_empty=False)
    shell.may_write.clear()

    async with asyncio.timeout(2):
        await shell.ending.come()

    assert shell.told == ["drained", "shut"]
    assert "left unwritten" in caplog.text


async def test_what_cannot_be_written_keeps_nothing_else_from_being_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise LookupError("no such table")

    shell = Shell()
    shell.ending.unwritten.insert(0, fail)

    await shell.ending.come()

    assert shell.told == ["drained", "written", "shut"]
    assert "no such table" in caplog.text


async def test_coming_twice_at_once_is_coming_once() -> None:
    shell = Shell()

    await asyncio.gather(shell.ending.come(), shell.ending.come())
    await shell.ending.come()

    assert shell.told == ["drained", "written", "shut"]


async def test_a_hub_that_stops_writes_what_waits_while_its_books_are_open(house: House) -> None:
    told: list[str] = []

    async def write() -> None:
        await asyncio.sleep(0)
        told.append("written")

    house.hub.ending.unwritten.append(write)
    seat = await house.join()
    seat.leave()

    await house.hub.stop()

    assert told == ["written"]
    assert not tasks_of_ours()


FORKING = """
import asyncio, os, signal, warnings
import django
warnings.simplefilter("ignore", DeprecationWarning)
django.setup()
from scheduler_realtime import hub

class Heard(Exception): pass

def server_hears(number, frame):
    raise Heard

async def main():
    signal.signal(signal.SIGTERM, server_hears)
    hub.current()
    assert signal.getsignal(signal.SIGTERM) != server_hears
    child = os.fork()
    if not child:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Heard:
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

os._exit(asyncio.run(main()))
"""


def test_a_forked_child_has_the_servers_handlers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr

"""The books thread: one thread and one connection, which mends itself."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection

from scheduler_realtime import books
from tests.harness.child import REPOSITORY


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    asyncio.run(books.close())


def in_books(*calls: Any) -> list[Any]:
    """What each call returns, or raises, in the books thread, all asked for at once."""

    async def run_all() -> list[Any]:
        return await asyncio.gather(*(books.run(call) for call in calls), return_exceptions=True)

    return asyncio.run(run_all())


def raw_connection() -> Any:
    return connection.connection


def backend() -> int:
    return int(connection.connection.info.backend_pid)


def fail() -> None:
    raise OperationalError("the server closed the connection")


def stumble() -> None:
    raise LookupError("no such thing")


def test_everything_runs_in_one_thread_that_is_not_the_loops() -> None:
    (one, two) = in_books(threading.get_ident, threading.get_ident)

    assert one == two != threading.get_ident()


@pytest.mark.django_db(transaction=True)
def test_the_connection_is_kept_from_call_to_call() -> None:
    _, one, _, two = in_books(
        User.objects.count, raw_connection, User.objects.count, raw_connection
    )

    assert one is two is not None


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_failed_is_closed_and_the_next_call_has_another() -> None:
    _, error, after, count = in_books(User.objects.count, fail, raw_connection, User.objects.count)

    assert isinstance(error, OperationalError)
    assert (after, count) == (None, 0)


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_nobody_notices_that_the_server_had_closed_the_connection() -> None:
    _, pid = in_books(User.objects.count, backend)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    count, after = in_books(User.objects.count, backend)

    assert count == 0
    assert after != pid


@pytest.mark.django_db(transaction=True)
def test_an_error_of_the_hosts_own_closes_nothing() -> None:
    _, before, error, after = in_books(User.objects.count, raw_connection, stumble, raw_connection)

    assert isinstance(error, LookupError)
    assert before is after is not None


@pytest.mark.django_db(transaction=True)
def test_closing_closes_the_connection_and_the_next_call_starts_another_thread() -> None:
    _, (before,) = in_books(User.objects.count), in_books(raw_connection)

    asyncio.run(books.close())
    asyncio.run(books.close())

    assert before is not None
    assert in_books(raw_connection, User.objects.count) == [None, 0]


def test_closing_waits_for_what_was_put_in_before() -> None:
    started, done = threading.Event(), threading.Event()

    def write() -> None:
        started.wait()
        done.set()

    async def end() -> None:
        writing = asyncio.ensure_future(books.run(write))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(books.close())
        await asyncio.sleep(0)
        was_done = done.is_set()
        started.set()
        await closing
        assert (was_done, done.is_set()) == (False, True)
        await writing

    asyncio.run(end())


def test_closing_waits_for_no_database_that_does_not_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = threading.Event()
    put_in: list[str] = []

    async def end() -> None:
        waiting = asyncio.ensure_future(books.run(answer.wait))
        later = asyncio.ensure_future(books.run(put_in.append, "later"))
        await asyncio.sleep(0)
        await books.close(within=0.05)
        answer.set()
        for call in (waiting, later):
            with pytest.raises(OperationalError, match="before the end"):
                await call

    asyncio.run(end())

    assert put_in == []
    assert "did not take in" in caplog.text


FORKING = """
import asyncio, os, warnings
import django
warnings.simplefilter("ignore", DeprecationWarning)
django.setup()
from scheduler_realtime import books
asyncio.run(books.run(int))
child = os.fork()
if not child:
    asyncio.run(asyncio.wait_for(books.run(int), 5))
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_process_that_was_forked_has_a_thread_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_cut_off_is_noticed_within_seconds() -> None:
    def options() -> dict[str, str]:
        connection.ensure_connection()
        return dict(connection.connection.info.get_parameters())

    (found,) = in_books(options)

    assert (found["tcp_user_timeout"], found["keepalives_idle"]) == ("10000", "4")


def test_what_cannot_wait_is_done_beside_the_books() -> None:
    begun, over = threading.Event(), threading.Event()

    def wait() -> bool:
        begun.set()
        return over.wait(10)

    async def both() -> tuple[threading.Thread, bool]:
        held = asyncio.ensure_future(books.run(wait))
        await asyncio.to_thread(begun.wait, 5)
        beside = await books.beside(threading.current_thread)
        assert not held.done()
        over.set()
        return beside, await held

    beside, was_in_time = asyncio.run(both())

    assert was_in_time
    beside.join(5)
    assert not beside.is_alive()

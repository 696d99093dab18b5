"""Files of SQLite: one that was put in the place of another is read at the next piece of work."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from scheduler_realtime import books, files

pytestmark = [pytest.mark.sqlite_only, pytest.mark.django_db(transaction=True)]


def write(path: Path, word: str) -> None:
    """Make a database whose one word is that."""
    made = sqlite3.connect(path)
    made.execute("CREATE TABLE said (word)")
    made.execute("INSERT INTO said VALUES (?)", [word])
    made.commit()
    made.close()


def word() -> str:
    with connection.cursor() as cursor:
        return str(cursor.execute("SELECT word FROM said").fetchone()[0])


def raw_connection() -> Any:
    return connection.connection


def in_books(call: Callable[[], Any]) -> Any:
    """What a call in the books thread returns."""
    return asyncio.run(books.run(call))


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A file that says `old`, which the books thread has for its database and has open."""
    path = tmp_path / "here.sqlite3"
    write(path, "old")

    def move_in() -> None:
        connection.close()
        connection.settings_dict = {**connection.settings_dict, "NAME": path}

    in_books(move_in)
    assert in_books(word) == "old"
    yield path
    asyncio.run(books.close())


def test_a_file_that_was_put_in_the_place_of_another_is_read_from_then_on(path: Path) -> None:
    write(path.with_name("copy"), "new")

    path.with_name("copy").replace(path)

    assert in_books(word) == "new"


def test_a_file_that_is_where_it_was_is_not_opened_again(path: Path) -> None:
    before = in_books(raw_connection)
    path.touch()

    assert in_books(raw_connection) is before is not None


def test_while_there_is_no_file_none_is_made(path: Path) -> None:
    path.rename(path.with_name("away"))

    for _ in range(2):
        with pytest.raises(OperationalError, match="is gone"):
            in_books(word)
    was_made = path.exists()
    path.with_name("away").rename(path)

    assert not was_made
    assert in_books(word) == "old"


def test_a_transaction_ends_on_the_file_it_began_on(path: Path) -> None:
    def read_on() -> tuple[str, str]:
        with transaction.atomic():
            before = word()
            write(path.with_name("copy"), "new")
            path.with_name("copy").replace(path)
            files.leave_replaced()
            return before, word()

    assert in_books(read_on) == ("old", "old")
    assert in_books(word) == "new"


def test_a_database_in_memory_stays_open(path: Path) -> None:
    def move_in() -> Any:
        connection.close()
        connection.settings_dict = {**connection.settings_dict, "NAME": ":memory:"}
        delattr(connection, "_scheduler_realtime_file")
        connection.ensure_connection()
        return connection.connection

    before, after = in_books(move_in), in_books(raw_connection)
    in_books(lambda: raw_connection().close())  # Django leaves such a database open

    assert before is after

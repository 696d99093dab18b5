"""The statements of presence: each about many rows, in the transaction of whoever calls."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from scheduler_realtime.wire import dumps

from .people import Person, Socket
from .tables import SHOWN, Table, flat, marks, pages, person_of, sockets, users

_SOCKET: Final = (
    "id",
    "node_id",
    "user_id",
    "username",
    "roles",
    "connected_at",
    "last_seen_at",
    "current_page",
    "active_schedule_date",
    "address",
    "user_agent",
)
_USER: Final = (*SHOWN, "joined_at")
_MOVED: Final = ("username", "roles", "current_page", "active_schedule_date")
_NAME_LENGTH: Final = 255


def lock(keys: Iterable[Any]) -> None:
    """Hold the rows of these users, in the order of their keys, until the transaction ends.

    Two nodes that lose a user's last two sockets at once would each see the other's. SQLite has
    one writer at a time.
    """
    table = users()
    if table.connection.vendor != "postgresql":
        return
    for page in pages(sorted(set(keys))):
        table.ask(
            f"SELECT user_id FROM {table.name} WHERE user_id IN ({marks(page)})"  # noqa: S608
            " ORDER BY user_id FOR UPDATE",
            page,
        )


def add_sockets(node_id: Any, arrived: Collection[Socket]) -> None:
    """Write down sockets; of those that are written already, what they are now."""
    table = sockets()
    sets = ", ".join(f"{name} = excluded.{name}" for name in (*_MOVED, "last_seen_at"))
    for page in pages(table.rows(_SOCKET, (_socket_row(node_id, each) for each in arrived))):
        table.change(
            f"INSERT INTO {table.name} ({', '.join(_SOCKET)})"  # noqa: S608
            f" VALUES {table.values(_SOCKET, len(page))} ON CONFLICT (id)"
            f" DO UPDATE SET {sets}",
            flat(page),
        )


def add_users(arrived: Iterable[Socket], *, is_news: bool) -> list[Person]:
    """Write down whose sockets these are, and return whom one of them now stands for.

    That is whoever was not here, and whoever comes back within the grace, whose page stays until
    another is said. Whoever had another socket all the time is shown by that one still, unless it
    `is_news` what the one that has arrived looks at.
    """
    table = users()
    by_user = {socket.user_id: socket for socket in arrived}
    ids = {socket.id for socket in by_user.values()}
    stays = f"{table.name}.left_at IS NULL"
    if is_news:
        stays += " AND excluded.current_page IS NULL AND excluded.active_schedule_date IS NULL"
    sets = ", ".join(
        (
            "username = excluded.username, roles = excluded.roles, left_at = NULL",
            f"connection_id = CASE WHEN {stays} THEN {table.name}.connection_id"
            " ELSE excluded.connection_id END",
            _shown_sql(table, "current_page", stays),
            _shown_sql(table, "active_schedule_date", stays),
        )
    )
    found: list[Person] = []
    for page in pages(table.rows(_USER, map(_user_row, by_user.values()))):
        rows = table.ask(
            f"INSERT INTO {table.name} ({', '.join(_USER)})"  # noqa: S608
            f" VALUES {table.values(_USER, len(page))} ON CONFLICT (user_id) DO UPDATE SET {sets}"
            f" RETURNING {', '.join(SHOWN)}",
            flat(page),
        )
        found += map(person_of, rows)
    return [person for person in found if person.connection_id in ids]


def _shown_sql(table: Table, column: str, stays: str) -> str:
    old, new = f"{table.name}.{column}", f"excluded.{column}"
    return (
        f"{column} = CASE WHEN {stays} THEN {old} WHEN {table.name}.left_at IS NULL THEN {new}"
        f" ELSE COALESCE({new}, {old}) END"
    )


def remove_sockets(ids: Iterable[str]) -> None:
    """Forget sockets."""
    table = sockets()
    for page in pages(table.rows(("id",), ([each] for each in ids))):
        keys = flat(page)
        table.change(f"DELETE FROM {table.name} WHERE id IN ({marks(keys)})", keys)  # noqa: S608


def leave(moments: Mapping[Any, Any]) -> int:
    """Write down when users left, by key, where none of their sockets is left; for how many."""
    table, count = users(), 0
    for page in pages(sorted(moments.items(), key=lambda each: each[0])):
        count += table.change(
            f"UPDATE {table.name} SET left_at = gone.column2"  # noqa: S608
            f" FROM (VALUES {table.values(('user_id', 'left_at'), len(page))}) AS gone"
            f" WHERE {table.name}.user_id = gone.column1 AND left_at IS NULL"
            f" AND NOT EXISTS ({_sockets_of(table)})",
            flat(page),
        )
    return count


def show_another(keys: Iterable[Any]) -> list[Person]:
    """Show users by their newest socket whose shown one is gone, and return those."""
    table, other = users(), sockets().name
    found: list[Person] = []
    for page in pages(sorted(set(keys))):
        rows = table.ask(
            f"UPDATE {table.name} SET (connection_id, current_page, active_schedule_date) ="  # noqa: S608
            f" (SELECT id, current_page, active_schedule_date FROM {other}"
            f" WHERE {other}.user_id = {table.name}.user_id ORDER BY connected_at DESC, id LIMIT 1)"
            f" WHERE user_id IN ({marks(page)}) AND EXISTS ({_sockets_of(table)})"
            f" AND NOT EXISTS (SELECT 1 FROM {other} WHERE id = {table.name}.connection_id)"
            f" RETURNING {', '.join(SHOWN)}",
            page,
        )
        found += map(person_of, rows)
    return found


def move(moved: Sequence[Socket]) -> list[Person]:
    """Write down what sockets look at, and show their users by them. Returns those users."""
    columns = ("id", *_MOVED, "last_seen_at")
    table = sockets()
    for page in pages(table.rows(columns, map(_moved_row, moved))):
        table.change(_update_sql(table, columns, len(page)), flat(page))
    table = users()
    found: list[Person] = []
    columns = ("user_id", "connection_id", *_MOVED)
    by_user = {socket.user_id: _shown_row(socket) for socket in moved}
    for page in pages(table.rows(columns, by_user.values())):
        sql = _update_sql(table, columns, len(page))
        returned = ", ".join(f"{table.name}.{name}" for name in SHOWN)
        found += map(person_of, table.ask(f"{sql} RETURNING {returned}", flat(page)))
    return found


def see(seen: Iterable[Socket]) -> None:
    """Write down when sockets were heard of last."""
    table, columns = sockets(), ("id", "last_seen_at")
    rows = table.rows(columns, ([socket.id, socket.last_seen_at] for socket in seen))
    for page in pages(rows):
        table.change(_update_sql(table, columns, len(page)), flat(page))


def _update_sql(table: Table, columns: Sequence[str], count: int) -> str:
    """Set columns to the values of many rows, by the first one, which is the key."""
    sets = ", ".join(f"{name} = new.column{n}" for n, name in enumerate(columns[1:], start=2))
    return (
        f"UPDATE {table.name} SET {sets} FROM (VALUES {table.values(columns, count)}) AS new"  # noqa: S608
        f" WHERE {table.name}.{columns[0]} = new.column1"
    )


def _sockets_of(table: Table) -> str:
    other = sockets().name
    return f"SELECT 1 FROM {other} WHERE {other}.user_id = {table.name}.user_id"  # noqa: S608


def _socket_row(node_id: Any, socket: Socket) -> list[Any]:
    return [
        socket.id,
        node_id,
        socket.user_id,
        socket.username[:_NAME_LENGTH],
        dumps(socket.roles),
        socket.connected_at,
        socket.last_seen_at,
        socket.current_page,
        socket.active_schedule_date,
        socket.device.address,
        socket.device.user_agent,
    ]


def _user_row(socket: Socket) -> list[Any]:
    return [
        socket.user_id,
        socket.visit,
        socket.username[:_NAME_LENGTH],
        dumps(socket.roles),
        socket.id,
        socket.current_page,
        socket.active_schedule_date,
        socket.connected_at,
    ]


def _moved_row(socket: Socket) -> list[Any]:
    return [socket.id, *_moved(socket), socket.last_seen_at]


def _shown_row(socket: Socket) -> list[Any]:
    return [socket.user_id, socket.id, *_moved(socket)]


def _moved(socket: Socket) -> list[Any]:
    return [
        socket.username[:_NAME_LENGTH],
        dumps(socket.roles),
        socket.current_page,
        socket.active_schedule_date,
    ]

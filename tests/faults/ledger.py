"""The ledger: what was committed, noted by the database itself, past Django and the log.

A trigger on the cases' table inserts one row for each row changed, in the same transaction. So
what stands in the ledger is what was committed, whatever the writer was told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

import psycopg

from tests.faults.judging.evidence import Telling, words_of

SQL: Final = """
CREATE TABLE faults_ledger (
    id bigserial PRIMARY KEY,
    tx bigint NOT NULL,
    pk bigint NOT NULL,
    old_token text, new_token text, old_audience text, new_audience text
);
CREATE FUNCTION faults_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO faults_ledger (tx, pk, old_token, new_token, old_audience, new_audience)
    VALUES (
        pg_current_xact_id()::text::bigint, coalesce(NEW.id, OLD.id),
        OLD.token, NEW.token, OLD.audience, NEW.audience
    );
    RETURN NULL;
END $$;
CREATE TRIGGER faults_note AFTER INSERT OR UPDATE OR DELETE ON faults_case
    FOR EACH ROW EXECUTE FUNCTION faults_note();
"""

_READ: Final = """
SELECT id, tx, pk, old_token, new_token, old_audience, new_audience
FROM faults_ledger WHERE id > %s ORDER BY tx, pk, id
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One change of one row. Old values are None where it was created, new ones where deleted."""

    id: int
    tx: int
    pk: int
    old_token: str | None
    new_token: str | None
    old_audience: str | None
    new_audience: str | None


def read(url: str, *, after: int = 0) -> list[Entry]:
    """The committed entries behind an id."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        found = connection.execute(_READ, [after]).fetchall()
    return [_entry(*columns) for columns in found]


def _entry(id: int, tx: int, pk: int, *texts: str | None) -> Entry:  # noqa: A002 - the column
    old_token, new_token, old_audience, new_audience = texts
    return Entry(
        id=id,
        tx=tx,
        pk=pk,
        old_token=old_token,
        new_token=new_token,
        old_audience=old_audience,
        new_audience=new_audience,
    )


def tellings(entries: Iterable[Entry]) -> list[Telling]:
    """What must be told of them: of each row in each transaction one thing, or nothing."""
    ordered = sorted(entries, key=attrgetter("tx", "pk", "id"))
    found = (_told(list(rows)) for _, rows in groupby(ordered, key=attrgetter("tx", "pk")))
    return [telling for telling in found if telling is not None]


def _told(rows: Sequence[Entry]) -> Telling | None:
    first, last = rows[0], rows[-1]
    before, after = words_of(first.old_audience), words_of(last.new_audience)
    match first.old_token, last.new_token:
        case None, None:
            return None  # created and deleted: nobody ever saw it
        case None, str(new):
            action, token, audience, left = "create", new, after, frozenset[str]()
        case str(old), None:
            action, token, audience, left = "delete", old, before, frozenset[str]()
        case _, new:
            assert new is not None
            action, token, audience, left = "update", new, after, before - after
    return Telling(
        pk=first.pk,
        action=action,
        token=token,
        audience=audience,
        left=left,
        tx=first.tx,
        order=last.id,
    )

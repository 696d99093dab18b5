"""Folding: what one transaction did to one object, told once, and to many objects, in bulk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from .messages import RESYNC, ScheduleUpdate
from .subjects import gathered, is_changed, known_to, merged, read, text_of
from .wire import dumps

BULK_OBJECTS: Final = 500
"""Objects in one `bulk` message at the most: some 200 KiB of JSON."""


_TOUCHES: Final = '"affected_surgeries":'


@dataclass(slots=True)
class Entry:
    """A row of the log that waits for its position, its JSON columns parsed once asked for.

    `touched`: there is more in its body than its writer put there; `rewritten`: in any column.
    """

    id: int
    tx: str
    type: str
    body: str
    groups: str
    left_groups: str
    protected: str
    scope_text: str
    needs: str = "[]"
    subject: str = ""
    touched: bool = False
    rewritten: bool = False
    _data: dict[str, Any] | None = field(default=None, repr=False)
    _scope: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def is_object(self) -> bool:
        """Whether this is a captured change of one object."""
        return self.type == ScheduleUpdate.type and self.scope_text.startswith('{"object"')

    @property
    def data(self) -> dict[str, Any]:
        if self._data is None:
            self._data = json.loads(self.body)
        return self._data

    @property
    def scope(self) -> dict[str, Any]:
        if self._scope is None:
            self._scope = json.loads(self.scope_text)
        return self._scope

    @property
    def before(self) -> set[str]:
        """The groups that knew the object before this change."""
        if self.data["action"] == "create":
            return set()
        before = self.scope.get("before")
        return set(json.loads(self.groups) if before is None else before)

    def rewrite(
        self,
        data: dict[str, Any],
        scope: dict[str, Any],
        *,
        before: set[str] | None = None,
        groups: str | None = None,
        subject: str = "",
    ) -> Entry:
        """Put other content into this row; `before` and `groups` say who sees it leave."""
        if groups is not None:
            self.groups = groups
        if before is not None:
            self.left_groups = dumps(sorted(before - set(json.loads(self.groups))))
            scope = scope | {"before": sorted(before)}
        self._data, self._scope, self.subject = data, scope, subject
        self.body, self.scope_text = dumps(data), dumps(scope)
        self.rewritten = True
        return self

    def touches(self, keys: Sequence[Any]) -> None:
        """Name what this change touches, of which nothing has been named yet.

        The text is cut open there, since to parse and to write it costs ten times as much. No
        string in JSON has a quote in it that is bare; a host's own object may have such a key.
        """
        nothing, told = f"{_TOUCHES}[]", f"{_TOUCHES}{dumps(keys)}"
        if self.body.count(nothing) == 1:
            self.body = self.body.replace(nothing, told)
        else:
            self.body = dumps(self.data | {"affected_surgeries": keys})
        self._data, self.touched = None, True


def fold(entries: Sequence[Entry], *, bulk_threshold: int) -> tuple[list[Entry], list[int]]:
    """What is left of the entries, in order, and the ids of the rows that are not.

    Entries of one transaction stand together. A transaction with one row costs nothing here.
    """
    kept: list[Entry] = []
    for _, together in groupby(entries, key=lambda entry: entry.tx):
        rows = list(together)
        kept += rows if len(rows) == 1 else _folded(rows, bulk_threshold)
    survivors = {entry.id for entry in kept}
    return kept, [entry.id for entry in entries if entry.id not in survivors]


def _folded(rows: Sequence[Entry], bulk_threshold: int) -> list[Entry]:
    """One transaction's rows: each object once, and beyond the threshold in bulk."""
    objects: dict[tuple[str, str], Entry | None] = {}
    result: list[Entry | tuple[str, str]] = []
    for row in _with_one_resync(rows):
        if not row.is_object:
            result.append(row)
            continue
        key = (row.data["model"], str(row.data["surgery_id"]))
        if key not in objects:
            result.append(key)
        earlier = objects.get(key)
        objects[key] = row if earlier is None else _merged(earlier, row)
    alive = [entry for entry in objects.values() if entry is not None]
    bulk = {id(entry) for entry in alive} if len(alive) > bulk_threshold else set()
    single = [
        entry
        for place in result
        if (entry := objects[place] if isinstance(place, tuple) else place) is not None
        and id(entry) not in bulk
    ]
    return single + (_bulk(alive) if bulk else [])


def _with_one_resync(rows: Sequence[Entry]) -> Iterator[Entry]:
    """The rows without all but the last `resync`: to read afresh once is enough."""
    last = max((row.id for row in rows if row.type == RESYNC), default=None)
    return (row for row in rows if row.type != RESYNC or row.id == last)


def _merged(first: Entry, later: Entry) -> Entry | None:
    """Two changes of one object as one change, or None where nothing came of them."""
    one, two = first.data, later.data
    data = two | {"affected_surgeries": []}
    match one["action"], two["action"]:
        case "create", "delete":
            return None
        case "create", _:
            data["action"] = "create"
            data["changes"], data["previous"] = one["changes"] | two["changes"], {}
        case _, "delete":
            data["previous"] = two["previous"] | one["previous"]
        case _:
            data["action"] = "update"
            data["changes"], data["previous"] = _difference(
                one["previous"] | two["previous"] | one["previous"],
                one["changes"] | two["changes"],
            )
            if not (data["changes"] or _is_seen_otherwise(first, later)):
                return None
    before = first.before
    groups = dumps(sorted(before)) if two["action"] == "delete" else later.groups
    scope = _joined([first.scope, later.scope])
    subject = _subject(first, later, data["action"], json.loads(groups))
    return first.rewrite(data, scope, before=before, groups=groups, subject=subject)


def _is_seen_otherwise(first: Entry, later: Entry) -> bool:
    """Whether others may see the object after both changes than before, or may be."""
    groups = json.loads(later.groups)
    subject = _subject(first, later, "update", groups)
    return first.before != set(groups) or (subject != "" and is_changed(read(subject)))


def _subject(first: Entry, later: Entry, action: str, groups: list[str]) -> str:
    if not (first.subject and later.subject):
        return ""
    one, two = read(first.subject), read(later.subject)
    both = merged(one, two, was=first.data["action"], action=action)
    return text_of(known_to(both, first.before, groups))


def _difference(
    previous: dict[str, Any], changes: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    real = {
        name: value
        for name, value in changes.items()
        if name not in previous or previous[name] != value
    }
    return real, {name: previous[name] for name in real if name in previous}


def _joined(scopes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The scopes of several changes of one object as one: the last, with all places of all."""
    result: dict[str, Any] = {}
    places: dict[str, list[Any]] = {"rooms": [], "dates": [], "spans": []}
    for scope in scopes:
        result |= scope
        for name, found in places.items():
            found.extend(scope.get(name, ()))
    return result | {name: _distinct(found) for name, found in places.items()}


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once: of JSON, where 1 is not true, and a list is no key."""
    return list({_identity(value): value for value in values}.values())


def _identity(value: Any) -> tuple[type, Any]:
    is_scalar = isinstance(value, str | int | float | None)
    return (type(value), value if is_scalar else dumps(value))


def _bulk(entries: Sequence[Entry]) -> list[Entry]:
    """One `bulk` message for each audience, permission and model, at most `BULK_OBJECTS` in each."""
    shares: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        shares.setdefault(
            (entry.groups, entry.left_groups, entry.protected, entry.needs, entry.data["model"]),
            [],
        ).append(entry)
    return [
        _bulk_message(share[start : start + BULK_OBJECTS])
        for share in shares.values()
        for start in range(0, len(share), BULK_OBJECTS)
    ]


_OBJECT_KEYS: Final = (
    "surgery_id",
    "action",
    "room_id",
    "schedule_date",
    "changes",
    "previous",
)


def _bulk_message(entries: Sequence[Entry]) -> Entry:
    ids = [entry.data["surgery_id"] for entry in entries]
    data = {
        "action": "bulk",
        "model": entries[0].data["model"],
        "surgery_id": None,
        "room_id": _shared(entries, "room_id"),
        "schedule_date": _shared(entries, "schedule_date"),
        "changes": {},
        "previous": {},
        "affected_surgeries": ids,
        "objects": [{name: entry.data[name] for name in _OBJECT_KEYS} for entry in entries],
    }
    joined = _joined(entry.scope for entry in entries)
    scope = {
        "model": data["model"],
        "surgeries": ids,
        "rooms": joined["rooms"],
        "dates": joined["dates"],
    }
    return entries[0].rewrite(data, scope, subject=gathered(entry.subject for entry in entries))


def _shared(entries: Sequence[Entry], name: str) -> Any:
    values = _distinct(entry.data[name] for entry in entries)
    return values[0] if len(values) == 1 else None

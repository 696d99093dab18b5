"""Folding: one transaction's changes of an object are one message, and many objects are bulk."""

import json
from typing import Any

import pytest

from scheduler_realtime.folding import BULK_OBJECTS, Entry, fold
from scheduler_realtime.messages import RESYNC, ScheduleUpdate

THRESHOLD = 50


def change(
    id: int,  # noqa: A002 - as the row has it
    action: str,
    changes: dict[str, Any] | None = None,
    previous: dict[str, Any] | None = None,
    *,
    key: int = 1,
    tx: str = "a",
    groups: Any = ("everyone",),
    before: Any = None,
    room: int | None = None,
) -> Entry:
    """A row of the log as a captured change writes it."""
    data = {
        "action": action,
        "model": "hosts.operation",
        "surgery_id": key,
        "room_id": room,
        "schedule_date": None,
        "changes": changes or {},
        "previous": previous or {},
        "affected_surgeries": [],
    }
    spans = [] if room is None else [[room, "2026-03-10T08:00:00+00:00", None]]
    rooms = [] if room is None else [room]
    scope = {"object": True, "model": data["model"], "surgeries": [key], "rooms": rooms}
    scope |= {"dates": [], "spans": spans}
    left: set[str] = set()
    if before is not None:
        scope["before"] = sorted(before)
        left = set(before) - set(groups)
    texts = [json.dumps(sorted(each)) for each in (groups, left, ())]
    return Entry(id, tx, ScheduleUpdate.type, json.dumps(data), *texts, json.dumps(scope))


def other(id: int, type: str, tx: str = "a") -> Entry:  # noqa: A002 - as the row has it
    return Entry(id, tx, type, "{}", '["everyone"]', "[]", "[]", "{}")


def folded(*entries: Entry, threshold: int = THRESHOLD) -> list[Entry]:
    kept, dropped = fold(entries, bulk_threshold=threshold)
    assert sorted([*dropped, *(entry.id for entry in kept)]) == [entry.id for entry in entries]
    return kept


def told(*entries: Entry) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return [
        (entry.data["action"], entry.data["previous"], entry.data["changes"])
        for entry in folded(*entries)
    ]


class TestOneObject:
    def test_created_and_updated_is_created_as_it_is_now(self) -> None:
        assert told(
            change(1, "create", {"status": "new", "weight": 1}),
            change(2, "update", {"status": "done"}, {"status": "new"}),
        ) == [("create", {}, {"status": "done", "weight": 1})]

    def test_two_updates_are_one_from_the_first_to_the_last(self) -> None:
        assert told(
            change(1, "update", {"status": "b"}, {"status": "a"}),
            change(2, "update", {"status": "c", "weight": 2}, {"status": "b", "weight": 1}),
        ) == [("update", {"status": "a", "weight": 1}, {"status": "c", "weight": 2})]

    def test_updated_and_back_is_nothing(self) -> None:
        assert not told(
            change(1, "update", {"status": "b"}, {"status": "a"}),
            change(2, "update", {"status": "a"}, {"status": "b"}),
        )

    def test_what_comes_back_is_left_out_of_what_stays_changed(self) -> None:
        assert told(
            change(1, "update", {"status": "b", "weight": 2}, {"status": "a", "weight": 1}),
            change(2, "update", {"status": "a"}, {"status": "b"}),
        ) == [("update", {"weight": 1}, {"weight": 2})]

    def test_created_and_deleted_is_nothing(self) -> None:
        assert not told(
            change(1, "create", {"status": "a"}),
            change(2, "update", {"status": "b"}, {"status": "a"}),
            change(3, "delete", {}, {"status": "b"}),
        )

    def test_updated_and_deleted_is_deleted_as_it_was(self) -> None:
        assert told(
            change(1, "update", {"status": "b"}, {"status": "a"}),
            change(2, "delete", {}, {"status": "b", "weight": 1}),
        ) == [("delete", {"status": "a", "weight": 1}, {})]

    def test_deleted_and_created_is_updated(self) -> None:
        assert told(
            change(1, "delete", {}, {"status": "a", "weight": 1}),
            change(2, "create", {"status": "b", "weight": 1}),
        ) == [("update", {"status": "a"}, {"status": "b"})]

    def test_deleted_and_created_as_it_was_is_nothing(self) -> None:
        assert not told(
            change(1, "delete", {}, {"status": "a"}), change(2, "create", {"status": "a"})
        )

    def test_created_deleted_and_created_is_created(self) -> None:
        assert told(
            change(1, "create", {"status": "a"}),
            change(2, "delete", {}, {"status": "a"}),
            change(3, "create", {"status": "b"}),
        ) == [("create", {}, {"status": "b"})]

    def test_back_and_then_changed_is_told_by_the_last(self) -> None:
        assert told(
            change(1, "update", {"status": "b"}, {"status": "a"}),
            change(2, "update", {"status": "a"}, {"status": "b"}),
            change(3, "update", {"status": "c"}, {"status": "a"}),
        ) == [("update", {"status": "a"}, {"status": "c"})]

    def test_keys_of_two_objects_do_not_mix(self) -> None:
        assert len(folded(change(1, "create", key=1), change(2, "delete", key=2))) == 2

    def test_all_the_rooms_it_was_in_are_kept(self) -> None:
        [entry] = folded(
            *(
                change(n, "update", {"room": n}, {"room": n - 1}, room=n, groups=["everyone"])
                for n in (1, 2, 3)
            )
        )

        assert entry.scope["rooms"] == [1, 2, 3]
        assert [room for room, *_ in entry.scope["spans"]] == [1, 2, 3]


class TestAudiences:
    def groups(self, *entries: Entry) -> list[tuple[list[str], list[str]]]:
        return [
            (json.loads(entry.groups), json.loads(entry.left_groups)) for entry in folded(*entries)
        ]

    def test_those_of_the_first_old_audience_see_it_leave(self) -> None:
        assert self.groups(
            change(1, "update", {"a": 2}, {"a": 1}, groups=["two"], before=["one"]),
            change(2, "update", {"a": 3}, {"a": 2}, groups=["three"], before=["two"]),
        ) == [(["three"], ["one"])]

    def test_those_who_are_back_see_nothing_leave(self) -> None:
        assert self.groups(
            change(1, "update", {"a": 2}, {"a": 1}, groups=["two"], before=["one"]),
            change(2, "update", {"b": 2}, {"b": 1}, groups=["one"], before=["two"]),
        ) == [(["one"], [])]

    def test_a_values_way_back_with_another_audience_is_told(self) -> None:
        assert self.groups(
            change(1, "update", {"a": 2}, {"a": 1}),
            change(2, "update", {"a": 1}, {"a": 2}, groups=["two"], before=["everyone"]),
        ) == [(["two"], ["everyone"])]

    def test_a_delete_is_heard_by_those_who_knew_it_before_the_transaction(self) -> None:
        assert self.groups(
            change(1, "update", {"a": 2}, {"a": 1}, groups=["two"], before=["one"]),
            change(2, "delete", {}, {"a": 2}, groups=["two"]),
        ) == [(["one"], [])]

    def test_nobody_saw_leave_what_nobody_had_seen(self) -> None:
        assert self.groups(
            change(1, "update", {"a": 2}, {"a": 1}, groups=["two"], before=[]),
            change(2, "update", {"a": 3}, {"a": 2}, groups=["three"], before=["two"]),
        ) == [(["three"], [])]


class TestOthers:
    def test_explicit_messages_stay_in_their_places(self) -> None:
        kept = folded(
            change(1, "create", {"a": 1}),
            other(2, "system_notification"),
            change(3, "update", {"a": 2}, {"a": 1}),
            other(4, "system_notification"),
        )

        assert [entry.id for entry in kept] == [1, 2, 4]

    def test_rows_of_two_transactions_never_mix(self) -> None:
        kept = folded(
            change(1, "create", {"a": 1}, tx="a"),
            change(2, "update", {"a": 2}, {"a": 1}, tx="b"),
            change(3, "delete", {}, {"a": 2}, tx="b"),
        )

        assert [entry.data["action"] for entry in kept] == ["create", "delete"]

    def test_a_transaction_of_one_row_is_not_rewritten(self) -> None:
        [entry] = folded(change(1, "update", {"a": 2}, {"a": 2}))

        assert not entry.rewritten

    def test_one_resync_is_enough_for_a_transaction(self) -> None:
        kept = folded(other(1, RESYNC), change(2, "create"), other(3, RESYNC))

        assert [entry.id for entry in kept] == [2, 3]

    def test_each_transaction_has_its_own_resync(self) -> None:
        assert len(folded(other(1, RESYNC, "a"), other(2, RESYNC, "b"))) == 2


class TestBulk:
    def test_as_many_as_the_threshold_are_told_one_by_one(self) -> None:
        kept = folded(*(change(n, "create", key=n) for n in range(3)), threshold=3)

        assert [entry.data["action"] for entry in kept] == ["create"] * 3

    def test_more_are_one_message(self) -> None:
        entries = [change(n, "create", {"a": n}, key=n, room=7) for n in range(4)]

        [bulk] = folded(*entries, threshold=3)

        assert bulk.data == {
            "action": "bulk",
            "model": "hosts.operation",
            "surgery_id": None,
            "room_id": 7,
            "schedule_date": None,
            "changes": {},
            "previous": {},
            "affected_surgeries": [0, 1, 2, 3],
            "objects": [
                {
                    "surgery_id": n,
                    "action": "create",
                    "room_id": 7,
                    "schedule_date": None,
                    "changes": {"a": n},
                    "previous": {},
                }
                for n in range(4)
            ],
        }
        assert bulk.scope["surgeries"] == [0, 1, 2, 3]
        assert not bulk.is_object

    def test_objects_in_several_rooms_share_none(self) -> None:
        [bulk] = folded(*(change(n, "create", key=n, room=n) for n in range(4)), threshold=3)

        assert bulk.data["room_id"] is None
        assert bulk.scope["rooms"] == [0, 1, 2, 3]

    def test_objects_that_came_to_nothing_do_not_count(self) -> None:
        rows = [change(n, "create", key=n % 4) for n in range(4)]
        rows += [change(4, "delete", key=0)]

        assert len(folded(*rows, threshold=3)) == 3

    def test_each_audience_has_its_own_message(self) -> None:
        entries = [
            change(n, "update", {"a": 1}, groups=[f"role.{n % 2}"], before=["x"], key=n)
            for n in range(6)
        ]

        bulks = folded(*entries, threshold=3)

        assert [
            (json.loads(bulk.groups), json.loads(bulk.left_groups), bulk.data["affected_surgeries"])
            for bulk in bulks
        ] == [(["role.0"], ["x"], [0, 2, 4]), (["role.1"], ["x"], [1, 3, 5])]

    def test_no_message_has_more_objects_than_the_protocol_allows(self) -> None:
        entries = [change(n, "create", key=n) for n in range(BULK_OBJECTS + 1)]

        bulks = folded(*entries)

        assert [len(bulk.data["objects"]) for bulk in bulks] == [500, 1]

    def test_explicit_messages_are_not_swallowed(self) -> None:
        entries = [change(n, "create", key=n) for n in range(4)]

        kept = folded(*entries, other(9, "emergency_alert"), threshold=3)

        assert sorted(entry.type for entry in kept) == ["emergency_alert", "schedule_update"]

    def test_its_work_grows_with_the_objects_and_not_with_their_square(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[Any] = []
        monkeypatch.setattr("scheduler_realtime.folding.dumps", written.append)
        entries = [change(n, "create", key=n, room=n) for n in range(BULK_OBJECTS)]

        fold(entries, bulk_threshold=THRESHOLD)

        assert len(written) < 3 * BULK_OBJECTS

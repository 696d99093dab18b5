"""Seeking: all that collides with some changed rows, by the built-in kinds or by a host's rule."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scheduler_realtime import registry
from scheduler_realtime.binding import ScheduleBinding, report_failure
from scheduler_realtime.guarding import savepoint
from scheduler_realtime.identity import value_in
from scheduler_realtime.paging import pages
from scheduler_realtime.wire import plain

from .bookings import KEYS, Reader
from .findings import Finding, Hearers, findings
from .naming import conflict_id
from .neighbours import near
from .pairs import KINDS, pairs
from .rules import Rule, checked


@dataclass(frozen=True, kw_only=True)
class Found:
    """The conflicts of some rows, and the `keys` of those about which that is all there are."""

    keys: Sequence[Any]
    findings: Sequence[Finding]


class Seeker(Protocol):
    """One way to find conflicts: of these `kinds`, in the models of these bindings."""

    name: str
    kinds: Collection[str]

    def bindings(self) -> list[ScheduleBinding]: ...
    def seek(self, binding: ScheduleBinding, keys: Sequence[Any]) -> Found: ...


class BuiltIn:
    """Rooms, people, turnovers and patients: what the bindings name."""

    name = "built-in"
    kinds: Collection[str] = KINDS

    def bindings(self) -> list[ScheduleBinding]:
        return [binding for binding in registry.bindings() if binding.can_collide]

    def seek(self, binding: ScheduleBinding, keys: Sequence[Any]) -> Found:
        reader = Reader(binding)
        changed = reader.of(primary_keys(binding, keys))
        bookings = {each.key: each for each in near(reader, changed)} if changed else {}
        found = pairs(bookings.values(), {each.key for each in changed})
        return Found(keys=keys, findings=findings(reader, found))


class ByRule:
    """What one rule of the host's finds."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.name = rule.kind
        self.kinds: Collection[str] = (rule.kind,)

    def bindings(self) -> list[ScheduleBinding]:
        return [each for each in registry.bindings() if each.model is self._rule.model]

    def seek(self, binding: ScheduleBinding, keys: Sequence[Any]) -> Found:
        reader, failed = Reader(binding), set()
        found: dict[str, Finding] = {}
        wanted = primary_keys(binding, keys)
        for page in pages(wanted, KEYS):
            for row in reader.rows().filter(pk__in=page):
                try:
                    with savepoint():
                        found |= {each.conflict_id: each for each in self._asked(reader, row)}
                except Exception as error:  # noqa: BLE001 - the host's code may raise anything
                    report_failure(binding, f"the rule {self.name} of {row.pk}", error)
                    failed.add(plain(row.pk))
        return Found(keys=[k for k in keys if k not in failed], findings=list(found.values()))

    def _asked(self, reader: Reader, row: Any) -> Iterator[Finding]:
        binding = reader.binding
        clashes = {plain(clash.key): clash for clash in checked(self._rule.find(row))}
        clashes.pop(plain(row.pk), None)
        counted = primary_keys(binding, list(clashes))
        rows = {plain(each.pk): each for each in reader.rows().filter(pk__in=counted)}
        hearers = Hearers(binding, {plain(row.pk), *rows})
        for key, other in rows.items():
            clash, both = clashes[key], [plain(row.pk), key]
            yield Finding(
                conflict_id=conflict_id(binding.label, self.name, both),
                kind=self.name,
                severity=clash.severity,
                description=str(clash.description),
                surgeries=tuple(sorted(both)),
                groups=hearers.of(both),
                actions=plain(list(clash.actions)),
                rooms=_distinct(binding.room_of(each) for each in (row, other)),
                dates=_distinct(binding.day_of(each) for each in (row, other)),
            )


def _distinct(values: Iterator[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(plain(value) for value in values if value is not None))


def primary_keys(binding: ScheduleBinding, keys: Sequence[Any]) -> list[Any]:
    """Those of these keys on the wire that a row of the model could have."""
    column: Any = binding.model._meta.pk
    found = (value_in(column, key) for key in keys)
    return [value for value in found if value is not None]

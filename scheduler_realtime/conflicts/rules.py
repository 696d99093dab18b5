"""Rules: collisions that only the host knows of, each found by a function of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from django.db import models

from scheduler_realtime.exceptions import InvalidBinding

from .pairs import KINDS

Severity = Literal["info", "warning", "error", "critical"]

_NAME: Final = 100


@dataclass(frozen=True, kw_only=True)
class Clash:
    """That the row a rule was asked about collides with another, a row or its primary key.

    `description` is read by everyone who may know of both: nothing protected may be in it.
    """

    other: Any
    description: str
    severity: Severity = "warning"
    actions: tuple[Any, ...] = ()

    @property
    def key(self) -> Any:
        return self.other.pk if isinstance(self.other, models.Model) else self.other


Find = Callable[[Any], Iterable[Clash]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule by the `conflict_type` it finds, for one model."""

    kind: str
    model: type[models.Model]
    find: Find


_rules: Final[dict[str, Rule]] = {}


def conflict_rule(kind: str, *, model: type[models.Model]) -> Callable[[Find], Find]:
    """Have a function find conflicts of a kind of your own; in the host's `realtime.py`.

        @conflict_rule("one_robot", model=Surgery)
        def one_robot(surgery):
            for other in robotic_at_the_time_of(surgery):
                yield Clash(other=other, description="Both need the robot.")

    It is asked about each row of the model that changed and is there and active, and says all
    that collides with it now, in both directions: what it does not say is over. It runs in a
    thread and on a connection of its own, so that a slow one delays nothing but its own
    conflicts; one statement may take 5 s, and between two 10 s. Where it raises, that is logged,
    and what stood of that row stands. Raises `InvalidBinding` for a name that is taken.
    """
    if not 0 < len(kind) <= _NAME:
        raise InvalidBinding(f"a conflict_rule is named by up to {_NAME} characters, not {kind!r}.")
    if kind in KINDS or kind in _rules:
        raise InvalidBinding(f"conflicts of the kind {kind!r} are found already.")

    def keep(find: Find) -> Find:
        _rules[kind] = Rule(kind=kind, model=model, find=find)
        return find

    return keep


def rules() -> tuple[Rule, ...]:
    """All rules, in the order they were made."""
    return tuple(_rules.values())


def forget(kind: str) -> None:
    """Forget a rule: for a host's tests."""
    _rules.pop(kind, None)


def checked(clashes: Iterable[Any]) -> list[Clash]:
    """What a rule said, or `TypeError`."""
    found = list(clashes)
    for clash in found:
        if not isinstance(clash, Clash) or clash.severity not in get_args(Severity):
            raise TypeError(f"a conflict_rule yields Clash(...), not {type(clash).__name__}.")
    return found

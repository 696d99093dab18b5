"""Values on the wire: what becomes JSON that every browser and database takes, and what is refused."""

import contextlib
import datetime as dt
import enum
import json
import math
import numbers
import uuid
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, User
from django.db import models
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_django import Settings

from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.wire import EXACT, MAX_DEPTH, dumps, plain, utc_text

VIENNA = ZoneInfo("Europe/Vienna")


class Status(models.TextChoices):
    PRE_OP = "pre_op", "Pre-op"


class Colour(str, enum.Enum):  # noqa: UP042 - it formats as its name, which is the trap
    RED = "red"


class Priority(enum.IntEnum):
    HIGH = 3


class EngineInt:
    """A whole number as numpy has them: no int, yet known to `numbers`."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __int__(self) -> int:
        return self.value


numbers.Integral.register(EngineInt)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (dt.date(2026, 1, 15), "2026-01-15"),
        (dt.time(9, 30), "09:30:00"),
        (dt.timedelta(hours=1, minutes=30), "P0DT01H30M00S"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Decimal("85.50"), "85.50"),
        (gettext_lazy("message"), "message"),
        (mark_safe("<b>"), "<b>"),
        (Status.PRE_OP, "pre_op"),
        (Colour.RED, "red"),
        (Priority.HIGH, 3),
        (EngineInt(5), 5),
        (Fraction(1, 4), 0.25),
        (User(pk=7), 7),
        (SimpleLazyObject(lambda: User(pk=7)), 7),
        (("a", 1), ["a", 1]),
        ({"b", "a"}, ["a", "b"]),
        (MappingProxyType({"a": None}), {"a": None}),
        ({1: "a"}, {"1": "a"}),
        ({Colour.RED: 1}, {"red": 1}),
        ({dt.date(2026, 1, 15): 1}, {"2026-01-15": 1}),
        ({uuid.UUID(int=7): 1}, {"00000000-0000-0000-0000-000000000007": 1}),
    ],
)
def test_a_value_is_written_as_the_protocol_has_it(value: Any, written: Any) -> None:
    assert plain(value) == written


def test_an_aware_datetime_is_told_in_utc() -> None:
    moment = dt.datetime(2026, 1, 15, 11, 30, 0, 123456, tzinfo=VIENNA)

    assert plain(moment) == "2026-01-15T10:30:00.123Z"


@pytest.mark.parametrize("use_tz", [True, False])
def test_a_naive_datetime_is_in_the_projects_time_zone(use_tz: bool, settings: Settings) -> None:
    settings.USE_TZ = use_tz

    assert plain(dt.datetime(2026, 7, 15, 11, 30)) == "2026-07-15T09:30:00.000Z"  # noqa: DTZ001


def test_a_datetime_without_a_utc_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="which has no UTC"):
        plain(dt.datetime.min.replace(tzinfo=VIENNA))


@pytest.mark.parametrize("number", [EXACT + 1, -EXACT - 1, 2**63])
def test_a_number_that_no_browser_reads_exactly_is_told_as_text(number: int) -> None:
    assert plain(number) == str(number)


@pytest.mark.parametrize("number", [EXACT, -EXACT, 0, True])
def test_a_number_that_a_browser_reads_exactly_stays_one(number: int) -> None:
    assert plain(number) is number


NAN, INFINITY = math.nan, math.inf
UNWRITABLE = {
    "nan": NAN,
    "infinity": INFINITY,
    "minus infinity": -INFINITY,
    "decimal nan": Decimal("NaN"),
    "signalling nan": Decimal("sNaN"),
    "decimal infinity": Decimal("-Infinity"),
    "nul": "a\x00b",
    "lone surrogate": "a\ud800b",
    "lazy nul": gettext_lazy("a\x00b"),
    "bytes": b"a",
    "object": object(),
    "endless number": 10**5000,
    "endless fraction": Fraction(10**400),
    "unsaved": Group(name="a"),
}


@pytest.mark.parametrize("value", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_cannot_be_written_is_refused_by_its_path(value: Any) -> None:
    with pytest.raises(InvalidMessage) as refusal:
        plain({"changes": {"notes": ["fine", {"inner": value}]}})

    assert refusal.value.path == "data.changes.notes.1.inner"
    assert str(refusal.value).startswith("data.changes.notes.1.inner: ")


@pytest.mark.parametrize("key", ["a\x00b", "a\udfff", NAN, None, True, 1.5, (1, 2), b"a"], ids=repr)
def test_a_key_that_cannot_be_written_is_refused(key: Any) -> None:
    with pytest.raises(InvalidMessage, match="key") as refusal:
        plain({"changes": {key: 1}})

    assert refusal.value.path == "data.changes"
    str(refusal.value).encode()


def test_two_keys_that_are_written_alike_are_refused() -> None:
    with pytest.raises(InvalidMessage, match="two keys"):
        plain({1: "a", "1": "b"})


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(InvalidMessage, match=f"more than {MAX_DEPTH} levels"):
        plain(endless)


@pytest.mark.parametrize(("levels", "is_refused"), [(MAX_DEPTH, False), (MAX_DEPTH + 1, True)])
def test_a_value_is_refused_from_the_level_that_is_too_deep(levels: int, is_refused: bool) -> None:
    deep: Any = "bottom"
    for _ in range(levels):
        deep = [deep]

    with pytest.raises(InvalidMessage) if is_refused else contextlib.nullcontext():
        assert plain(deep) == deep


def test_utc_text_always_has_milliseconds() -> None:
    assert utc_text(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)) == "2026-01-01T00:00:00.000Z"


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(codec=None), max_size=5)
    | st.decimals()
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from([Status.PRE_OP, Colour.RED, Priority.HIGH]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers() | st.uuids() | st.floats(), inner)
        | st.frozensets(st.integers() | st.text())
    ),
    max_leaves=20,
)


@given(value=ANYTHING)
@example(value={"a": [{"b": "\ud83d"}]})
def test_whatever_plain_lets_through_is_read_back_the_same_by_a_strict_parser(value: Any) -> None:
    try:
        written = plain(value)
    except InvalidMessage:
        return

    read = json.loads(dumps(written).encode(), parse_constant=_refuse)

    assert read == written
    assert all(_is_safe(leaf) for leaf in _leaves(read))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _is_safe(leaf: Any) -> bool:
    if isinstance(leaf, str):
        return "\x00" not in leaf
    return not isinstance(leaf, int) or abs(leaf) <= EXACT

"""Frames that no honest client sends: sixty by hand, and as many by chance as one likes."""

import json
from collections.abc import Callable
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scheduler_realtime import commands
from tests.harness.hostile import CONTINUED, PING, TEXT, frame

_BEAT = '{"type":"heartbeat","data":%s}'
_DEEP = "[" * 40 + "]" * 40

BAD: Final[tuple[str | bytes, ...]] = (
    "",
    " ",
    "\x00",
    "nonsense",
    "{",
    "}",
    "[]",
    "[" * 60_000,
    '{"a":' * 60 + "1" + "}" * 60,
    "null",
    "true",
    "0",
    '"heartbeat"',
    "{}",
    '{"type":null}',
    '{"type":5}',
    '{"type":["heartbeat"]}',
    '{"type":{"type":"heartbeat"}}',
    '{"type":""}',
    '{"type":"Heartbeat"}',
    '{"type":"heartbeat "}',
    '{"type":"__class__"}',
    '{"type":"websocket.disconnect"}',
    '{"type":"realtime.frame"}',
    '{"type":"welcome","data":{}}',
    '{"type":"emergency_alert","data":{"emergency_id":"1"}}',
    '{"type":"heartbeat"} {}',
    '{"type":"heartbeat","type":"presence"}',
    "{'type':'heartbeat'}",
    '{"type":"heartbeat",}',
    '{type:"heartbeat"}',
    '\ufeff{"type":"heartbeat"}',
    '{"type":"heartbeat","ref":5}',
    '{"type":"heartbeat","ref":"' + "r" * 65 + '"}',
    _BEAT % "5",
    _BEAT % "[]",
    _BEAT % '"x"',
    _BEAT % '{"position":-1}',
    _BEAT % '{"position":1e999}',
    _BEAT % '{"position":NaN}',
    _BEAT % '{"position":99999999999999999999}',
    _BEAT % ('{"position":' + "9" * 5000 + "}"),
    _BEAT % '{"position":"x"}',
    _BEAT % '{"current_page":5}',
    _BEAT % '{"current_page":"\\ud800"}',
    _BEAT % '{"current_page":"\\u0000"}',
    _BEAT % ('{"current_page":"' + "x" * 2001 + '"}'),
    _BEAT % ('{"x":' + _DEEP + "}"),
    json.dumps({"type": "heartbeat", "data": dict.fromkeys(map(str, range(101)))}),
    '{"type":"ack","data":{}}',
    '{"type":"ack","data":{"ids":[]}}',
    '{"type":"ack","data":{"ids":["1"]}}',
    '{"type":"ack","data":{"ids":[1.5]}}',
    '{"type":"ack","data":{"ids":' + json.dumps(list(range(1001))) + "}}",
    '{"type":"authenticate","data":{"token":5}}',
    '{"type":"subscribe","data":{"rooms":{"$ne":1}}}',
    '{"type":"subscribe","data":{"types":"heartbeat"}}',
    '{"type":"cancel_optimization","data":{}}',
    b"",
    b'{"type":"heartbeat"}',
)
"""Each gets an `error`, and the socket lives on; five within a minute close it with 4400."""

BROKEN: Final[dict[str, bytes]] = {
    "no UTF-8": frame(b"\xff\xfe"),
    "half a character": frame(b"\xc3"),
    "a surrogate": frame(b"\xed\xa0\x80"),
    "not masked": bytes([0x81, 2]) + b"{}",
    "reserved bits": bytes([0xF1, 0x82]) + bytes(4) + b"{}",
    "reserved opcode": frame(b"{}", 3),
    "reserved control opcode": frame(b"", 11),
    "a ping that is too long": frame(b"x" * 126, PING),
    "a ping in pieces": frame(b"x", PING, is_last=False),
    "the end of what never began": frame(b"{}", CONTINUED),
    "a beginning within another": frame(b"{", is_last=False) + frame(b"{}"),
    "a close code that cannot be": frame((1005).to_bytes(2, "big"), 8),
    "half a close code": frame(b"\x03", 8),
    "a reason that is no UTF-8": frame((1000).to_bytes(2, "big") + b"\xff", 8),
    "a length beyond all": frame(b"", TEXT, claims=2**63 - 1),
    "plain HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}
"""Not WebSocket at all: the server itself ends the connection."""

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_KEYS = st.sampled_from(
    ("type", "data", "ref", "id", "ids", "token", "rooms", "types", "position", "current_page")
)
_DATA = st.dictionaries(_KEYS, _SCALARS | st.lists(_SCALARS, max_size=3), max_size=3)
_LIKE_COMMANDS = st.builds(
    lambda name, data, more: json.dumps({"type": name, "data": data} | more),
    st.sampled_from([*commands.NAMES, "welcome", "", None]),
    _DATA | _SCALARS,
    st.dictionaries(_KEYS, _SCALARS, max_size=1),
)
_FRAMES: Final = st.one_of(
    _LIKE_COMMANDS,
    st.builds(
        lambda text, at, what: text[: at % (len(text) + 1)] + what + text[at % (len(text) + 1) :],
        _LIKE_COMMANDS,
        st.integers(0, 200),
        st.sampled_from(('"', "{", "}", "[", ",", "\\", "\x00", "\ud800", "NaN", "1e999", "é")),
    ),
    st.text(max_size=20),
    st.binary(max_size=20),
)


_AT_ONCE: Final = 10
"""Frames of one example: an example costs more than a frame."""


def by_chance(count: int) -> list[str | bytes]:
    """So many frames as Hypothesis makes them: near a command, or nothing like one."""
    found: list[str | bytes] = []

    @settings(
        max_examples=count // _AT_ONCE,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(_FRAMES, min_size=_AT_ONCE, max_size=_AT_ONCE, unique=True))
    def collect(made: list[str | bytes]) -> None:
        found.extend(made)

    collecting: Callable[[], Any] = collect
    collecting()
    return found

"""Masking: no line that a server logs says a token or a ticket, or was begun by a client."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

LOGGERS: Final = (
    "uvicorn",
    "uvicorn.access",
    "uvicorn.asgi",
    "uvicorn.error",
    "daphne",
    "daphne.http_protocol",
    "daphne.server",
    "daphne.ws_protocol",
    "gunicorn.access",
    "gunicorn.error",
    "hypercorn.access",
    "hypercorn.error",
    "django",
    "django.channels.server",
    "django.request",
    "django.security.csrf",
    "django.server",
    "asyncio",
    "websockets",
    "websockets.client",
    "websockets.server",
    "scheduler_realtime",
)
"""Those whose filter each record of theirs passes; what others log passes that of a handler."""

MASK: Final = "***"

_MARK: Final = "_scheduler_realtime_masks"

_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), put)
    for pattern, put in (
        # ?token=..., and the cookie that is as good as one.
        (
            r"\b(access_token|refresh_token|refresh|sessionid|ticket|token)=(?!\*\*\*)[^&\s\"'<>;,)\]}]+",
            rf"\1={MASK}",
        ),
        # {"token": "..."}, be it within a string that is quoted once more.
        (
            r"(\\?[\"'](?:access|refresh|ticket|token)\\?[\"']\s*:\s*\\?[\"'])(?!\*\*\*)[^\"'\\]+",
            rf"\1{MASK}",
        ),
        # Authorization: Bearer ..., and the pair of bytes that ASGI makes of it.
        (
            r"(\bauthorization\b[\"']?\s*+[:=,]\s*+b?+[\"']?+)(?!\*\*\*)[^\"'\r\n]+",
            rf"\1{MASK}",
        ),
        (r"\bbearer([ .:]+|%20)[\w~+/=.-]{16,}", rf"bearer\g<1>{MASK}"),
        # A JWT by itself: base64url of what begins with {".
        (r"\beyJ[\w.-]{8,}", MASK),
    )
)


def masked(text: str) -> str:
    """The text without what opens a socket. What is masked already stays as it is."""
    for pattern, put in _PATTERNS:
        text = pattern.sub(put, text)
    return text


_BREAKS: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
"""What begins a line, or colours a terminal: a client may have put it into an address or a path."""

_SERVERS: Final = frozenset(name.partition(".")[0] for name in LOGGERS)


def shown(text: str) -> str:
    """The text in one line: what would begin another one is written as Python escapes it."""
    return _BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Masking(logging.Filter):
    """Masks a record in place, for whichever handler comes next; never keeps one back."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            _mask(record)
        except Exception:  # noqa: BLE001 - a line that cannot be read is its handler's to report
            return True
        return True


def _mask(record: logging.LogRecord) -> None:
    # What a host says by itself may have as many lines as it likes.
    argument = _quoted if record.name.partition(".")[0] in _SERVERS else _argument
    # One by one first: uvicorn's formatter wants the five arguments of an access record.
    if isinstance(record.args, Mapping):
        record.args = {name: argument(value) for name, value in record.args.items()}
    elif record.args:
        record.args = tuple(map(argument, record.args))
    said = record.getMessage()
    if (clean := masked(said)) != said:
        # The name stood in the format, and the token among the arguments.
        record.msg, record.args = clean, ()
    if record.exc_info and not record.exc_text:
        traceback = logging.Formatter().formatException(record.exc_info)
        if (clean := masked(traceback)) != traceback:
            record.exc_text = clean


def _argument(value: Any) -> Any:
    """The argument itself, unless what it says must be masked."""
    if value is None or isinstance(value, int | float):
        return value
    said = str(value)
    return value if (clean := masked(said)) == said else clean


def _quoted(value: Any) -> Any:
    """The same, in one line where it is a text."""
    found = _argument(value)
    return shown(str(found)) if isinstance(found, str | BaseException) else found


_masking: Final = Masking()


def install() -> None:
    """Mask what the servers and Django log, and what reaches the handlers there are by now."""
    named = [logging.getLogger(name) for name in LOGGERS]
    for logger in named:
        logger.addFilter(_masking)
    for logger in (logging.root, *named):
        for handler in logger.handlers:
            handler.addFilter(_masking)
    _mask_daphnes_access_log()


def _mask_daphnes_access_log() -> None:
    """daphne writes its access log past `logging`, with each query string in it."""
    module: Any = sys.modules.get("daphne.access")
    if module is None:
        return  # another server is at work
    generator = module.AccessLogGenerator
    original: Callable[..., None] = generator.write_entry
    if hasattr(original, _MARK):
        return

    def write_entry(self: Any, host: Any, date: Any, request: str, *more: Any, **rest: Any) -> None:
        original(self, shown(str(host)), date, shown(masked(request)), *more, **rest)

    setattr(write_entry, _MARK, True)
    generator.write_entry = write_entry

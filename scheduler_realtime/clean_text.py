"""Clean text: what a payload's strings may hold, so that no screen is fooled by one.

A text is normalised (NFC). Control characters other than newline and tab are gone, and so are those
that turn the direction of what follows (a right-to-left mark, which turns nothing, may stay).

No text is markup: where an HTML parser would begin a tag, a comment or a declaration, a space
follows the `<`, which makes it a letter like any other to every parser. Where character references
would become one, for a page that decodes them once too often, a space follows each `&`. Nothing
is removed, so nothing can be pieced together from what remains, and it stays readable: `BP < 90 &
falling`, `Smith &amp; Wesson` and `x <- y` are left as they are. So is a text that ends in a
comparison, as `a<b`, from which alone a parser makes no element.

The promise is for a text put between tags (`innerHTML`). A page that puts one into an attribute or
into a script, or joins several texts and its own markup into one piece of HTML, has to escape them.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Any, Final

LONGEST: Final = 2000
"""Characters of a text: a page and a half, and more than any screen shows of one message."""

_UNWANTED: Final = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 and C1; a carriage return becomes a newline
    r"\u202a-\u202e\u2066-\u2069"  # embeddings, overrides, isolates
    r"\u206a-\u206f\ufff9-\ufffb\ufeff"  # deprecated shapers, annotations, the byte order mark
)
_GONE: Final = re.compile(f"[{_UNWANTED}]")
_NEWLINE: Final = re.compile("\r\n?|[\u2028\u2029]")
_TAG: Final = re.compile(r"<(?=[A-Za-z/!?])(?![A-Za-z][A-Za-z0-9]{0,15}\Z)")
_REFERENCE: Final = re.compile(r"&(?=[A-Za-z#])")
_LAYERS: Final = 4
"""So often is a text decoded to see what it becomes; one that goes deeper is up to something."""

_COMPARISON: Final = re.compile(r"<[A-Za-z0-9]*\Z")
_SPACES: Final = re.compile(r"\s+")

_SUSPECT: Final = re.compile(rf"[<&{_UNWANTED}\r\u2028\u2029]")


def clean(text: str) -> str:
    """The text as it may be told. Clean text is returned as it is."""
    if text.isascii() and text.isprintable() and "<" not in text and "&" not in text:
        return text
    text = _GONE.sub("", _NEWLINE.sub("\n", text))
    # After what was between them is gone: a letter and its accent may meet.
    text = unicodedata.normalize("NFC", text)
    text = _TAG.sub("< ", text)
    return _REFERENCE.sub("& ", text) if _becomes_markup(text) else text


def _becomes_markup(text: str) -> bool:
    """Whether its references, decoded as often as it takes, make it anything but clean."""
    for _ in range(_LAYERS if "&" in text else 0):
        before, text = text, html.unescape(text)
        if text == before:
            return False
        if _TAG.search(text) or _GONE.search(text):
            return True
    return "&" in text


def clean_line(text: str) -> str:
    """The same in one line, for names and pages."""
    return clean(_SPACES.sub(" ", text).strip())


def cleaned(value: Any) -> Any:
    """A plain value in which every text is clean, the keys too: of two that become one, the last."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(key): cleaned(item) for key, item in value.items()}
        case list():
            return [cleaned(item) for item in value]
        case _:
            return value


def is_clean(text: str) -> bool:
    """Whether a JSON text has nothing in it that `cleaned` would change: one look at all of it.

    It may say no to what is clean, and never yes to what is not. In JSON most control characters
    are escaped.
    """
    if "\\u" in text or "\\r" in text or "\\b" in text or "\\f" in text:
        return False
    if text.isascii():
        return "<" not in text and "&" not in text and "\x7f" not in text
    return _SUSPECT.search(text) is None and unicodedata.is_normalized("NFC", text)


def cut(value: Any) -> Any:
    """A plain value in which every text, once clean, has at most `LONGEST`; a longer one ends in `…`."""
    match value:
        case str():
            text = clean(value) if len(value) > LONGEST // 3 else value  # it may grow
            if len(text) <= LONGEST:
                return text
            return _COMPARISON.sub("", text[: LONGEST - 1]) + "…"
        case dict():
            return {key: cut(item) for key, item in value.items()}
        case list():
            return [cut(item) for item in value]
        case _:
            return value

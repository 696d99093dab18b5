"""Subjects: the objects a message is about, as they were, for a binding's `may_see` to be asked.

A subject is JSON. Of one object, `of` is the binding's label, `now` the object as the message
leaves it, or as it was when it was deleted; `before`, where it was changed, as it was until then;
`knew` the groups that knew of it until then, where those are not the message's own. A `bulk`
message has one for `each` of its objects, and is narrowed to those that somebody may see. Any
other message about several has one for `all` of them, and is heard by who may see them all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

Subject = dict[str, Any]


def text_of(subject: Subject) -> str:
    """As the log has it: ASCII, so that no database refuses it."""
    return json.dumps(subject, separators=(",", ":"))


def read(text: str) -> Subject:
    """What `text_of` wrote."""
    return json.loads(text)  # type: ignore[no-any-return]  # we wrote an object


def is_changed(subject: Subject) -> bool:
    """Whether any column of the object is another one than before."""
    return bool(subject["now"] != subject.get("before"))


def merged(first: Subject, later: Subject, *, was: str, action: str) -> Subject:
    """Two changes of one object as one: the first `was` an action, and both together are one."""
    old = {"create": None, "delete": first["now"]}.get(was, first.get("before"))
    if action == "delete":
        return {"of": later["of"], "now": old or later["now"]}
    result = {"of": later["of"], "now": later["now"]}
    return result if old is None else result | {"before": old}


def known_to(subject: Subject, before: Collection[str], groups: Collection[str]) -> Subject:
    """The same, saying who knew of the object until then."""
    result = {name: value for name, value in subject.items() if name != "knew"}
    if "before" in result and set(before) != set(groups):
        result["knew"] = sorted(before)
    return result


def gathered(texts: Iterable[str]) -> str:
    """Those of many objects of one model, for a `bulk` message; empty where they have none."""
    each = [read(text) for text in texts if text]
    return text_of({"of": each[0]["of"], "each": each}) if each else ""

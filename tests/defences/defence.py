"""One defence: where it stands, what takes it out, and which tests see it gone."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Defence:
    """A text of `scheduler_realtime/<file>` that stands there once, and what takes the defence out.

    `threat` is a row of the README's table. Each of `tests`, as `file.py::name` below `tests/`,
    must fail then.
    """

    threat: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]

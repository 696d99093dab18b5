"""Judges frames by the JSON Schema that the package gives out: every one that a listener hears."""

from functools import cache
from typing import Any

import jsonschema_rs

from scheduler_realtime.schemas import shapes


def judge(frame: dict[str, Any]) -> None:
    """Raise ValueError where a server said what its schema does not know.

    Third parties may send types of their own through the layer, which the log never has.
    """
    if frame["type"] not in _names() and "id" not in frame:
        return
    faults = list(_validator(frame["type"]).iter_errors(frame))
    if faults:
        said = "; ".join(f"{fault.instance_path}: {fault.message}" for fault in faults)
        raise ValueError(f"outside the schema of {frame['type']}: {said}: {frame}")


@cache
def _names() -> dict[str, str]:
    return {frame.type: frame.name for frame in shapes.heard()}


@cache
def _validator(type_: str) -> Any:
    names = _names()
    if type_ not in names:
        raise ValueError(f"the schema knows no {type_}")
    schema = {"$schema": shapes.DIALECT, "$ref": f"#/$defs/{names[type_]}"}
    return jsonschema_rs.Draft202012Validator(
        schema | {"$defs": shapes.definitions()}, validate_formats=True
    )

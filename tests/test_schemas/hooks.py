"""What schemathesis is told to do otherwise: an answer that may be held back is not waited for."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Shorten each `wait` that the schema allows."""
    query = case.query
    wait = query.get("wait") if isinstance(query, dict) else None
    try:
        is_long = 0.01 < float(wait) <= 25
    except (TypeError, ValueError):
        return
    if is_long:
        query["wait"] = "0.01"

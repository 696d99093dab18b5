"""The protocol's table of REST calls: every one there is, who may, and what it answers."""

from dataclasses import dataclass
from typing import Any

NOTICE = {"title": "t", "message": "m"}
NOTE: dict[str, Any] = {"type": "system_notification", "data": NOTICE}


@dataclass(frozen=True)
class Call:
    """A row of the protocol's table. `permission` None: any authenticated user; `is_open`: anybody.

    `answer` is what those get who have the permission, `refused` those who have not, and `kind`
    the media type of either.
    """

    method: str
    path: str
    answer: int
    permission: str | None = None
    refused: int = 403
    body: Any = None
    kind: str = "application/json"
    is_open: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


CALLS = [
    Call("POST", "broadcast", 201, "broadcast_message", body=NOTE),
    Call("POST", "notify/system", 201, "broadcast_message", body=NOTICE),
    Call("GET", "connections", 200, "view_connection"),
    Call("GET", "connections/user/{boss}", 200, "view_connection", refused=404),
    Call("DELETE", "connections/{socket}", 204, "delete_connection"),
    Call("GET", "users/active", 200),
    Call("GET", "statistics", 200, "view_statistics"),
    Call("POST", "cleanup", 200, "delete_connection"),
    Call("POST", "ticket", 201),
    Call("GET", "messages", 200),
    Call("POST", "messages/{position}/ack", 200),
    Call("GET", "messages/{position}/receipts", 200, "view_receipt"),
    Call("GET", "conflicts", 200),
    Call("GET", "optimizations", 200),
    Call("POST", "optimizations/run/cancel", 202, "cancel_optimization"),
    Call("GET", "health", 200, is_open=True),
    Call("GET", "metrics", 200, "view_statistics", kind="text/plain"),
    Call("GET", "schema/asyncapi.json", 200),
    Call("GET", "schema/openapi.json", 200),
]
"""In the protocol's order. Another endpoint is another line here."""

"""A roll call: who is connected, as each door of the REST API says it, read to the last page."""

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.harness.app_server import AppServer
from tests.harness.site import Site

UNTHROTTLED = {"DJANGO_SETTINGS_MODULE": "tests.test_schemas.settings"}
"""The environment of a site that answers as often as it is asked."""


@dataclass(kw_only=True)
class Picture:
    """How many sockets each user has and each process, and how many users each role."""

    by_user: dict[int, int] = field(default_factory=dict)
    by_process: dict[int, int] = field(default_factory=dict)
    by_role: dict[str, int] = field(default_factory=dict)


class RollCall:
    """Asks one server as an administrator, on one line."""

    def __init__(self, site: Site, server: AppServer) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
        self._headers = {"Authorization": f"Bearer {site.token('admin')}"}

    def picture(self) -> Picture:
        """What `statistics` says; AssertionError where the lists of `here` say something else."""
        told = self.get("statistics")
        connections = Counter(row["user_id"] for row in self.rows("connections"))
        active = {row["user_id"]: row["connections"] for row in self.rows("users/active")}
        by_process = {
            int(node["name"].rpartition(":")[2]): node["connections"]
            for node in told["by_node"].values()
        }
        assert active == connections, f"{set(active.items()) ^ set(connections.items())}"
        assert told["users"] == len(active), f"{told['users']} users of {len(active)}"
        assert told["connections"] == sum(by_process.values()) == connections.total()
        return Picture(
            by_user=dict(connections), by_process=by_process, by_role=dict(told["by_role"])
        )

    def rows(self, path: str) -> Iterator[dict[str, Any]]:
        """The lines of all pages."""
        page = self.get(path)
        yield from page["results"]
        while page["next"] is not None:
            page = self.get(f"{path}?{page['next'].partition('?')[2]}")
            yield from page["results"]

    def get(self, path: str) -> Any:
        """One answer."""
        self._line.request("GET", f"/api/ws/{path}", headers=self._headers)
        response = self._line.getresponse()
        body = response.read()
        assert response.status == 200, f"{path}: {response.status} {body[:500]!r}"
        return json.loads(body)

    def close(self) -> None:
        self._line.close()

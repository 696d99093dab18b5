"""The statistics of servers that live: sockets, users and messages are those that there are."""

import asyncio
from typing import Any

import pytest

from tests.harness.child import wait_for
from tests.harness.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.slow]

NOTIFY = """
from scheduler_realtime import send_system_notification
send_system_notification(title="t", message="m", ack_required=True)
from tests.harness import pristine
pristine.settle()
"""


def statistics(site: Site) -> dict[str, Any]:
    answer = site.request("GET", "/api/ws/statistics", who="admin")
    assert answer.status == 200, answer.body
    return dict(answer.body)


async def test_what_servers_do_is_in_the_statistics_of_all_within_seconds(
    clustered_site: Site,
) -> None:
    site = clustered_site
    before = await asyncio.to_thread(statistics, site)
    async with (
        site.listen("nurse", server=site.servers[0]) as one,
        site.listen("nurse", server=site.servers[1]) as two,
        site.listen("surgeon", server=site.servers[1]) as three,
        site.listen("nurse", how="none") as refused,
    ):
        await refused.send_raw("{")
        for ear in (one, two, three):
            await ear.next("welcome")
        await asyncio.to_thread(site.shell, NOTIFY)
        message = await one.next("system_notification")
        for ear in (two, three):
            await ear.next("system_notification")
        await one.ask("heartbeat", {"position": message["id"]})
        await one.send_raw("[]")
        await refused.closed()
        found: dict[str, Any] = {}

        def is_all_there() -> bool:
            found.clear()
            found.update(statistics(site))
            told = found["messages"]
            done = told["delivered"].get("system_notification", 0)
            done -= before["messages"]["delivered"].get("system_notification", 0)
            return done == 3 and found["pending_acknowledgements"] == 1

        await asyncio.to_thread(wait_for, is_all_there, within=6, what="the figures")

    assert (found["connections"], found["users"]) == (3, 2)
    assert found["by_role"] == {"nurse": 1, "surgeon": 1}
    assert sorted(each["connections"] for each in found["by_node"].values()) == [1, 2]
    assert found["refused_by_code"]["4401"] > before["refused_by_code"].get("4401", 0)
    assert found["messages"]["published"]["system_notification"] >= 1
    assert found["messages"]["received"]["heartbeat"] >= 1
    assert found["messages"]["received"]["bad"] >= 2
    assert 0 < found["latency_ms"]["p50"] < 5000
    assert found["relay_lag_seconds"] == 0
    assert found["versions"].keys() >= {"uvicorn", "daphne", "django", "python"}

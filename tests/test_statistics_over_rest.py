"""Statistics, metrics and health over REST and on the socket: what real servers answer, and to whom."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scheduler_realtime.counters import KINDS
from tests.conftest import OpenEmbedded
from tests.harness.child import wait_for
from tests.harness.site import Answer, Site

pytestmark = pytest.mark.servers

TOKEN = "a token that Prometheus has"

NODE = """
from scheduler_realtime.reports import Report
report = Report(
    messages={"published": {"schedule_update": 3}}, refused={"4401": 2},
    latency={7: 5, 40: 1}, latency_sum=61.5, latency_minute={7: 5}, hub_lag_seconds=0.25,
    versions={"django": "5.2"},
)
node = Node.objects.create(
    hostname="elsewhere", pid=7, started_at=timezone.now() - timedelta(minutes=1),
    lease_until=timezone.now() + timedelta(minutes=1), report=report.model_dump_json(),
)
print(node.pk)
"""

NOTIFY = """
from scheduler_realtime import send_system_notification
send_system_notification(title="t", message="m")
from tests.harness import pristine
pristine.settle()
"""


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    yield embedded_site
    embedded_site.shell("Node.objects.filter(hostname='elsewhere').delete()")
    assert "Traceback" not in embedded_site.server.log_text()[before:]


def get(site: Site, path: str, who: str | None = "admin", **headers: str) -> Answer:
    return site.request("GET", f"/api/ws/{path}", who=who, headers=headers)


def header(answer: Answer, name: str) -> str:
    return {key.lower(): value for key, value in answer.headers.items()}[name]


def families(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return {family.name: family for family in text_string_to_metric_families(answer.body)}


def test_the_statistics_are_those_of_all_nodes(site: Site) -> None:
    node = site.shell(NODE)

    for path in ("statistics", "statistics/"):
        answer = get(site, path)

        assert answer.status == 200
        assert answer.body["messages"]["published"]["schedule_update"] >= 3
        assert answer.body["by_node"][node]["name"] == "elsewhere:7"
        assert answer.body["by_node"][node]["refused_by_code"] == {"4401": 2}
        assert set(answer.body["rates"]) == set(KINDS)
        assert "history" not in answer.body
        assert header(answer, "cache-control") == "no-store"


@pytest.mark.parametrize("path", ["statistics", "metrics"])
def test_only_holders_of_the_permission_see_them(site: Site, path: str) -> None:
    for who, status in ((None, 401), ("nurse", 403), ("admin", 200)):
        assert get(site, path, who).status == status
    assert site.request("POST", f"/api/ws/{path}", who="admin", body={}).status == 405


@pytest.mark.parametrize("minutes", ["0", "16", "x", "-1", "nan", "9" * 5000])
def test_a_history_of_an_odd_length_is_refused(site: Site, minutes: str) -> None:
    answer = get(site, f"statistics?minutes={minutes}")

    assert answer.status == 400
    assert set(answer.body) == {"minutes"}


def test_prometheus_reads_the_metrics_of_every_node(site: Site) -> None:
    node = site.shell(NODE)

    answer = get(site, "metrics", Accept="text/plain;version=0.0.4;q=0.5,*/*;q=0.1")

    found = families(answer)
    assert header(answer, "content-type").startswith("text/plain; version=0.0.4")
    published = found["scheduler_realtime_messages_published"].samples
    assert ("scheduler_realtime_messages_published_total", 3.0) in {
        (each.name, each.value) for each in published if each.labels["node"] == node
    }
    latency = [
        each
        for each in found["scheduler_realtime_delivery_latency_seconds"].samples
        if each.labels["node"] == node
    ]
    buckets = {each.labels["le"]: each.value for each in latency if "le" in each.labels}
    assert (buckets["0.00302"], buckets["0.00408"], buckets["60.0"]) == (0, 5, 5)
    assert buckets["+Inf"] == 6
    assert {each.name.rpartition("_")[2]: each.value for each in latency[-2:]} == {
        "count": 6,
        "sum": 61.5,
    }
    lags = found["scheduler_realtime_hub_lag_seconds"].samples
    assert {each.labels["node"]: each.value for each in lags}[node] == 0.25
    assert found["scheduler_realtime_relay_lag_seconds"].samples[0].labels == {}


def test_prometheus_may_ask_for_open_metrics(site: Site) -> None:
    answer = get(site, "metrics", Accept="application/openmetrics-text; version=1.0.0")

    assert header(answer, "content-type").startswith("application/openmetrics-text")
    assert answer.body.endswith("# EOF\n")


def test_a_scraper_needs_the_whole_token_and_nothing_else(embedded: OpenEmbedded) -> None:
    site = embedded("uvicorn", env={"WEBSOCKET_METRICS_TOKEN": TOKEN})

    def scrape(token: str, path: str = "metrics") -> Answer:
        return get(site, path, None, Authorization=f"Bearer {token}")

    assert families(scrape(TOKEN))
    assert families(get(site, "metrics", "admin"))
    for wrong in (TOKEN[:-1], TOKEN + "x", "", "x", TOKEN.upper()):
        answer = scrape(wrong)
        assert answer.status == 401
        assert isinstance(answer.body, str)
        assert "WWW-Authenticate".lower() in {name.lower() for name in answer.headers}
    assert scrape(TOKEN, "statistics").status == 401
    assert get(site, "metrics", "nurse").status == 403


def test_where_no_token_is_set_an_empty_one_opens_nothing(site: Site) -> None:
    for token in ("", " ", "None"):
        assert get(site, "metrics", None, Authorization=f"Bearer {token}").status == 401


@pytest.mark.parametrize("path", ["health", "health/"])
def test_anybody_may_ask_for_the_health_and_learns_no_more(site: Site, path: str) -> None:
    answer = get(site, path, None)

    assert answer.status == 200
    assert answer.body == {
        "status": "ok",
        "parts": {"database": "ok", "relay": "ok", "hub": "ok", "layer": "ok"},
    }
    assert header(answer, "cache-control") == "no-store"
    # A token that has expired is no reason to take a server out.
    assert get(site, path, None, Authorization="Bearer x").status == 200


async def test_who_subscribes_is_told_again_and_again(site: Site) -> None:
    async with (
        site.listen("surgeon") as surgeon,
        site.listen("admin") as ear,
        site.listen("nurse") as other,
    ):
        await surgeon.next("welcome")
        for each in (ear, other):
            await each.next("welcome")
            await each.ask("subscribe", {"types": ["statistics"]})
        first = await ear.next("statistics", where=lambda frame: frame["data"]["users"] == 3)
        frames = [first, await ear.next("statistics")]
        others = await other.drain_by_asking()

    rest = await asyncio.to_thread(get, site, "statistics")
    for frame in frames:
        assert set(frame["data"]) == set(rest.body)
        assert frame["data"]["by_role"].keys() >= {"nurse", "surgeon"}
        assert "id" not in frame
    assert not [frame for frame in others if frame["type"] == "statistics"]


async def test_nobody_sends_statistics_by_rest(site: Site) -> None:
    body = {"type": "statistics", "data": {}}

    answer = await asyncio.to_thread(
        site.request, "POST", "/api/ws/broadcast", who="admin", body=body
    )

    assert answer.status == 400


@pytest.mark.slow
async def test_two_nodes_tell_the_same_moments_of_what_they_did(clustered_site: Site) -> None:
    site = clustered_site
    async with (
        site.listen("nurse", server=site.servers[0]) as one,
        site.listen("nurse", server=site.servers[1]) as two,
    ):
        for ear in (one, two):
            await ear.next("welcome")
        points = await asyncio.to_thread(points_of_two, site)

    both = [each for each in points if each["connections"] == 2]
    last = next(each for each in reversed(both) if each["p50"] is not None)
    assert last["delivered_per_second"] > 0
    assert 0 < last["p50"] <= last["p99"] < 5000
    assert last["relay_lag_seconds"] == last["hub_lag_seconds"] == 0


def points_of_two(site: Site) -> list[dict[str, Any]]:
    """The history, once there is a moment of which both nodes tell that they delivered a message.

    What is delivered as a sample is taken may be in it for one node and in the next for the other:
    so something is sent until one moment has both.
    """
    sql = """
        SELECT COUNT(*) FROM scheduler_realtime_sample
        WHERE body::json->>'latency' NOT IN ('{}', '[]') AND body::json->>'connections' = '1'
        GROUP BY taken_at HAVING COUNT(*) = 2
    """
    code = f"""{NOTIFY}
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute({sql!r})
    print(len(cursor.fetchall()))
"""
    wait_for(lambda: site.shell(code) != "0", within=30, what="a sample of both")
    answer = site.request("GET", "/api/ws/statistics?minutes=1", who="admin")
    assert answer.status == 200, json.dumps(answer.body)
    return list(answer.body["history"])

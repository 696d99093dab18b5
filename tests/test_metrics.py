"""Metrics: what is said where prometheus-client is missing, and of names that somebody made up."""

import sys

import pytest
from django.contrib.auth.models import AnonymousUser, User
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIRequestFactory, force_authenticate

from scheduler_realtime import metrics
from scheduler_realtime.api.statistics import MetricsViewSet
from scheduler_realtime.reports import Report
from tests.harness.figures import here, node, sockets

pytestmark = pytest.mark.django_db


def test_without_prometheus_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client.exposition", None)
    request = APIRequestFactory().get("/api/ws/metrics")
    force_authenticate(request, User(username="admin", is_superuser=True, is_active=True, pk=1))

    answer = MetricsViewSet.as_view({"get": "list"})(request).render()

    assert answer.status_code == 501
    assert b'pip install "scheduler_realtime[metrics]"' in answer.content


def test_without_prometheus_nobody_unknown_learns_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client.exposition", None)
    request = APIRequestFactory().get("/api/ws/metrics")
    force_authenticate(request, AnonymousUser())  # type: ignore[arg-type]  # nobody at all

    answer = MetricsViewSet.as_view({"get": "list"})(request)

    assert answer.status_code in {401, 403}


def test_names_that_somebody_made_up_come_out_as_they_are() -> None:
    odd = 'a "type"\nwith \\ everything'
    sockets(node(report=Report(messages={"published": {odd: 1}})), 1)
    here(1, odd)

    text, _ = metrics.text()

    found = {each.name: each for each in text_string_to_metric_families(text.decode())}
    samples = found["scheduler_realtime_messages_published"].samples
    assert [each.labels["type"] for each in samples] == [odd]
    assert found["scheduler_realtime_users_by_role"].samples[0].labels == {"role": odd}


def test_a_report_that_was_edited_by_hand_spoils_nothing() -> None:
    node(report='{"versions": {"name": "1", "a b": "2"}, "messages": {"received": {"": 1}}}')
    node(report='{"messages": {"received": {"a": 1%s}}}' % ("0" * 400))

    found = {each.name for each in text_string_to_metric_families(metrics.text()[0].decode())}

    assert "scheduler_realtime_node_info" in found


def test_each_process_answers_for_all_and_counts_nothing_twice() -> None:
    nodes = [node(report=Report(messages={"delivered": {"a": n}})) for n in (1, 2)]

    first, second = metrics.text()[0], metrics.text()[0]

    for text in (first, second):
        found = {each.name: each for each in text_string_to_metric_families(text.decode())}
        samples = found["scheduler_realtime_messages_delivered"].samples
        assert {each.labels["node"]: each.value for each in samples} == {
            str(each.pk): number for number, each in enumerate(nodes, 1)
        }

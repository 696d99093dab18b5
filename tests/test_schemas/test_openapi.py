"""OpenAPI 3.1 of the REST API: valid, whole, without warnings, and made whatever the host does."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern
from drf_spectacular.settings import patched_settings, spectacular_settings
from openapi_spec_validator import OpenAPIV31SpecValidator

from scheduler_realtime import Payload, register_message, schemas
from scheduler_realtime.api import urls
from scheduler_realtime.schemas import openapi


def operations() -> dict[str, dict[str, Any]]:
    """Each operation, as `post /ticket`."""
    return {
        f"{method} {path}": told
        for path, methods in openapi.document()["paths"].items()
        for method, told in methods.items()
    }


def test_the_document_is_valid() -> None:
    document = openapi.document()

    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_judge_finds_what_is_wrong() -> None:
    document = openapi.document()
    document["paths"]["/ticket"]["post"]["responses"] = {"201": {}}

    assert list(OpenAPIV31SpecValidator(document).iter_errors())


def test_nothing_is_warned_of(capfd: pytest.CaptureFixture[str]) -> None:
    openapi.document()

    assert capfd.readouterr().err == ""


def test_every_path_of_ours_is_in_it_without_a_slash_at_its_end() -> None:
    paths = openapi.document()["paths"]
    ours = [pattern for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)]
    methods = [set(each.callback.actions) - {"head"} for each in ours]

    assert sum(map(len, methods)) == len(operations())
    assert all(path.startswith("/") and not path.endswith("/") for path in paths)


TOKEN_OR_SESSION: list[dict[str, Any]] = [{"jwtAuth": []}, {"cookieAuth": []}]
CREDENTIALS = {"get /health": None, "get /metrics": [{"metricsToken": []}, *TOKEN_OR_SESSION]}


@pytest.mark.parametrize("name", operations())
def test_each_operation_says_who_may_and_what_is_refused(name: str) -> None:
    told = operations()[name]
    refused = {code for code in told["responses"] if code >= "400"}
    credentials = CREDENTIALS.get(name, TOKEN_OR_SESSION)

    assert told["operationId"]
    assert told["description"]
    assert told.get("security") == credentials
    assert refused >= {"405", "406", "429"} | ({"401", "403"} if credentials else set())
    assert ("415" in refused) == (not name.startswith("get "))
    assert "{" not in name or "404" in refused
    assert "Retry-After" in told["responses"]["429"]["headers"]
    assert all("content" in told["responses"][code] for code in told["responses"] if code != "204")


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("delete /connections/{id}", {"204"}),
        ("get /health", {"200", "503"}),
        ("get /metrics", {"200", "501"}),
        ("get /statistics", {"200"}),
        ("post /broadcast", {"201"}),
        ("post /cleanup", {"200"}),
        ("post /optimizations/{id}/cancel", {"202", "409"}),
    ],
)
def test_what_else_an_operation_may_answer_is_said(name: str, answers: set[str]) -> None:
    refusals = {"400", "401", "403", "404", "405", "406", "415", "429"}

    assert set(operations()[name]["responses"]) - refusals == answers


@pytest.mark.parametrize(
    ("name", "of_ours"),
    [
        ("get /connections", {"user", "role", "node", "current_page", "cursor"}),
        ("get /connections/user/{user_id}", {"user_id"}),
        ("get /conflicts", {"date", "room", "cursor"}),
        ("get /statistics", {"minutes"}),
        ("get /messages", {"after", "epoch", "limit", "type", "wait"}),
    ],
)
def test_what_may_be_asked_for_is_said(name: str, of_ours: set[str]) -> None:
    assert {each["name"] for each in operations()[name]["parameters"]} >= of_ours


def test_metrics_are_text_and_so_is_what_is_refused_of_them() -> None:
    told = operations()["get /metrics"]["responses"]

    assert set(told["200"]["content"]) == {"text/plain", "application/openmetrics-text"}
    assert {kind for code in told if code > "400" for kind in told[code]["content"]} == {
        "text/plain"
    }


def test_the_data_of_a_broadcast_is_that_of_its_type() -> None:
    body = openapi.document()["components"]["schemas"]["BroadcastRequest"]

    alert = next(
        choice["properties"]
        for choice in body["oneOf"]
        if choice["properties"]["type"]["const"] == "emergency_alert"
    )
    assert alert["data"] == {"$ref": "#/components/schemas/EmergencyAlertSent"}


@pytest.mark.usefixtures("types_put_back")
def test_what_a_host_registers_may_be_broadcast() -> None:
    register_message(type("BedFreed", (Payload,), {"type": "bed_freed"}))

    document = openapi.document()

    body = document["components"]["schemas"]["BroadcastRequest"]
    assert "bed_freed" in {choice["properties"]["type"]["const"] for choice in body["oneOf"]}
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_no_word_of_older_versions_is_in_it() -> None:
    text = json.dumps(openapi.document())

    assert '"nullable"' not in text
    assert '"example"' not in text


def test_the_hosts_own_settings_stand_aside_and_stay() -> None:
    own = {"TITLE": "The host's", "OAS_VERSION": "3.0.3", "SCHEMA_PATH_PREFIX_INSERT": "/x"}
    ours = openapi.document()
    before = dict(vars(spectacular_settings))

    for name, value in own.items():
        setattr(spectacular_settings, name, value)
    try:
        made = openapi.document()
        after = {name: getattr(spectacular_settings, name) for name in own}
    finally:
        vars(spectacular_settings).clear()
        vars(spectacular_settings).update(before)

    assert made == ours
    assert after == own


def test_a_hosts_own_document_has_what_ours_speaks_of() -> None:
    with patched_settings({"OAS_VERSION": "3.1.0", "POSTPROCESSING_HOOKS": []}):
        generator: Any = openapi.SchemaGenerator
        made = generator(urlconf=openapi.URLCONF).get_schema(request=None, public=True)

    assert "ScheduleUpdateFrame" in made["components"]["schemas"]


def test_nothing_is_warned_of_in_a_hosts_own_document(capfd: pytest.CaptureFixture[str]) -> None:
    generator: Any = openapi.SchemaGenerator

    made = generator(urlconf=openapi.URLCONF).get_schema(request=None, public=True)

    assert made["components"]["schemas"]
    assert capfd.readouterr().err == ""


@pytest.mark.django_db
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("name", ["asyncapi", "openapi"])
def test_a_document_is_served_to_whoever_is_known(
    client: Client, name: schemas.Format, slash: str
) -> None:
    path = f"/api/ws/schema/{name}.json{slash}"
    refused = client.get(path)
    client.force_login(User.objects.create_user("somebody"))

    answer = client.get(path)

    assert refused.status_code == 401
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.content.decode() == schemas.text(name)
    assert client.post(path, {}, "application/json").status_code == 405


@pytest.mark.parametrize(
    ("urlconf", "url"),
    [("tests.test_schemas.mounted", "/hospital/live"), ("tests.test_schemas.unmounted", "/api/ws")],
)
def test_the_document_says_where_the_host_put_the_paths(
    settings: Any, urlconf: str, url: str
) -> None:
    settings.ROOT_URLCONF = urlconf

    assert openapi.document()["servers"] == [{"url": url}]

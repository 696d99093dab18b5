"""Origins: which pages may open a socket here, by the table and through real servers."""

from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidHandshake, InvalidStatus

from scheduler_realtime.origin import is_allowed
from tests.harness.listener import Listener
from tests.harness.site import Site

pytestmark = pytest.mark.sqlite_only


def scope(*origins: str, host: str = "board.example", **more: Any) -> dict[str, Any]:
    """A handshake's ASGI scope."""
    headers = [(b"host", host.encode()), *((b"origin", text.encode()) for text in origins)]
    return {"type": "websocket", "scheme": "ws", "path": "/api/ws/ws", "headers": headers} | more


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["board.example", "[::1]"]
    settings.CSRF_TRUSTED_ORIGINS = []


@pytest.mark.parametrize(
    ("handshake", "verdict"),
    [
        (scope(), True),
        (scope("http://board.example"), True),
        (scope("http://board.example:80"), True),
        (scope("HTTP://Board.Example"), True),
        (scope("http://board.example:8000", host="board.example:8000"), True),
        (scope("http://[::1]:8000", host="[::1]:8000"), True),
        (scope("https://board.example", scheme="wss"), True),
        (scope("https://board.example:443", scheme="wss"), True),
        (scope("https://board.example"), False),
        (scope("http://board.example", scheme="wss"), False),
        (scope("http://board.example:8001", host="board.example:8000"), False),
        (scope("http://board.example:0"), False),
        (scope("http://elsewhere.example"), False),
        (scope("http://sub.board.example"), False),
        (scope("http://board.example.evil.example"), False),
        (scope("http://evil.example@board.example"), False),
        (scope("http://evil.example\\@board.example"), False),
        (scope("https://x:99999"), False),
        (scope("https://board.example:99999"), False),
        (scope("http://[::1"), False),
        (scope("null"), False),
        (scope(""), False),
        (scope("*"), False),
        (scope("board.example"), False),
        (scope("//board.example"), False),
        (scope("file://"), False),
        (scope("chrome-extension://board.example"), False),
        (scope("http://board.example", "http://board.example"), False),
        (scope("http://evil.example", "http://board.example"), False),
        (scope("http://unlisted.example", host="unlisted.example"), False),
    ],
    ids=lambda value: str(value["headers"]) if isinstance(value, dict) else None,
)
def test_the_sites_own_pages_may_and_no_other(handshake: dict[str, Any], verdict: bool) -> None:
    assert is_allowed(handshake) is verdict


@pytest.mark.parametrize("setting", ["CSRF_TRUSTED_ORIGINS", "ALLOWED_ORIGINS"])
@pytest.mark.parametrize(
    ("named", "origin", "verdict"),
    [
        ("https://other.example", "https://other.example", True),
        ("https://other.example", "https://other.example:443", True),
        ("https://other.example", "http://other.example", False),
        ("https://other.example", "https://other.example:8443", False),
        ("https://other.example:8443", "https://other.example:8443", True),
        ("https://*.other.example", "https://board.other.example", True),
        ("https://*.other.example", "https://a.board.other.example", True),
        ("https://*.other.example", "http://board.other.example", False),
        ("https://*.other.example", "https://board.other.example:8443", False),
        ("https://*.other.example", "https://another.example", False),
        ("https://*.other.example", "https://evil-other.example", False),
        ("https://*.other.example:8443", "https://board.other.example:8443", True),
        ("https://*.other.example", "null", False),
        ("other.example", "https://other.example", False),
        ("https://[broken", "https://other.example", False),
    ],
)
def test_what_a_setting_names_may_as_well(
    settings: Any, setting: str, named: str, origin: str, verdict: bool
) -> None:
    if setting == "ALLOWED_ORIGINS":
        settings.SCHEDULER_REALTIME = {"ALLOWED_ORIGINS": [named]}
    else:
        settings.CSRF_TRUSTED_ORIGINS = [named]

    assert is_allowed(scope(origin)) is verdict


def test_the_site_is_the_one_that_django_sees_behind_a_proxy(settings: Any) -> None:
    settings.USE_X_FORWARDED_HOST = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    behind = scope("https://board.example", host="10.0.0.7:8000")
    behind["headers"] += [
        (b"x-forwarded-host", b"board.example"),
        (b"x-forwarded-proto", b"https"),
    ]

    assert is_allowed(behind)


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    yield embedded_site
    assert "Traceback" not in embedded_site.server.log_text()[before:]


@pytest.mark.parametrize("page", ["http://127.0.0.1:{port}", None])
async def test_a_server_takes_its_own_pages_and_those_who_are_none(
    site: Site, page: str | None
) -> None:
    origin = page and page.format(port=site.server.port)

    async with site.listen("nurse", origin=origin) as ear:
        await ear.next("welcome")


@pytest.mark.parametrize(
    ("page", "statuses"),
    [
        ("http://127.0.0.2:{port}", {403}),
        ("http://localhost:{port}", {403}),
        ("https://127.0.0.1:{port}", {403}),
        ("http://127.0.0.1", {403}),
        ("null", {403}),
        ("https://x:99999", {403, 400}),
        ("garbage", {403, 400}),
        ("http://[::1", {403, 400}),
    ],
)
async def test_a_server_refuses_another_sites_pages_before_it_accepts(
    site: Site, page: str, statuses: set[int]
) -> None:
    with pytest.raises(InvalidHandshake) as refused:
        async with Listener.open(
            site.server, token=site.token("nurse"), origin=page.format(port=site.server.port)
        ):
            pass

    assert isinstance(refused.value, InvalidStatus)
    assert refused.value.response.status_code in statuses

"""The REST API of a real server, asked by schemathesis whatever its OpenAPI allows and forbids."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import OpenEmbedded
from tests.harness.child import REPOSITORY
from tests.harness.site import Site

pytestmark = pytest.mark.slow

MESSAGES = """
from scheduler_realtime import send_system_notification
for number in range(5):
    send_system_notification(title=str(number), message="m", ack_required=True)
from tests.harness import pristine
pristine.settle()
"""


@pytest.fixture
def site(embedded: OpenEmbedded) -> Site:
    site = embedded("uvicorn", env={"DJANGO_SETTINGS_MODULE": "tests.test_schemas.settings"})
    site.shell(MESSAGES)
    return site


def asked(site: Site, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis as somebody who may do everything."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(Path(__file__).parent / "schemathesis.toml"), "run"),
            *("--header", f"Authorization: Bearer {site.token('admin')}", *words),
        ],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(REPOSITORY), "SCHEMATHESIS_HOOKS": "tests.test_schemas.hooks"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_answer_is_one_that_the_document_knows(site: Site, tmp_path: Path) -> None:
    url = f"{site.server.http_url}/api/ws/schema/openapi.json"

    done = asked(site, tmp_path, url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in site.server.log_text()


def test_an_answer_that_the_document_does_not_know_is_found(site: Site, tmp_path: Path) -> None:
    document = site.request("GET", "/api/ws/schema/openapi.json", who="nurse").body
    document["components"]["schemas"]["Ticket"]["properties"]["expires_in"]["type"] = "string"
    (tmp_path / "wrong.json").write_text(json.dumps(document))
    base = f"{site.server.http_url}/api/ws"

    done = asked(site, tmp_path, "wrong.json", "--url", base, "--include-path", "/ticket")

    assert done.returncode == 1
    assert "Response violates schema" in done.stdout

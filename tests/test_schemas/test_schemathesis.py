"""The REST API of a real server, asked by schemathesis whatever its OpenAPI allows and forbids."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import OpenEmbedded
from tests.harness.child import REPOSITORY
from tests.harness.site import Site

pytestmark = pytest.mark.slow

ROWS = """
import uuid
from scheduler_realtime import *
from tests.harness import pristine

for number in range(5):
    send_system_notification(title=str(number), message="m", ack_required=True)
broadcast_conflict_notification(
    conflict_id="c", conflict_type="room_overlap", severity="critical", description="d",
    affected_surgeries=[1, "2"], suggested_actions=["Reschedule"],
)
broadcast_optimization_progress(optimization_id="opt-123", progress_percentage=1, metrics={"a": 1})
pristine.settle()

now = timezone.now()
node = Node.objects.create(
    hostname="elsewhere", pid=7, started_at=now, lease_until=now + timedelta(hours=1)
)
boss = User.objects.get(pk=1)
seat = uuid.UUID("9b1c8a52-98a9-4c31-8f0a-9c3e5f3b2a10")
for key in (seat, uuid.uuid4()):
    Connection.objects.create(
        pk=key, user=boss, node=node, username="boss", roles='["admin"]',
        connected_at=now, last_seen_at=now, current_page="/schedule",
    )
Presence.objects.create(
    user=boss, username="boss", roles='["admin"]', connection_id=seat, joined_at=now
)
"""
"""One of each thing that the examples in the document speak of."""

ORDERS = """
import json
rows = Message.objects.filter(type="control").values_list("body", flat=True)
print(*sorted({json.loads(body)["order"] for body in rows}))
"""


@pytest.fixture
def site(embedded: OpenEmbedded) -> Site:
    site = embedded("uvicorn", env={"DJANGO_SETTINGS_MODULE": "tests.test_schemas.settings"})
    site.shell(ROWS)
    return site


def document_of(site: Site) -> Any:
    return site.request("GET", "/api/ws/schema/openapi.json", who="nurse").body


def asked(site: Site, folder: Path, document: Any, *words: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis with this document as somebody who may do everything."""
    # From a file: where it loads a document, it would ask for nothing.
    (folder / "document.json").write_text(json.dumps(document))
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(Path(__file__).parent / "schemathesis.toml")),
            *("run", "document.json", "--url", f"{site.server.http_url}/api/ws"),
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
    document = document_of(site)
    count = sum(map(len, document["paths"].values()))

    done = asked(site, tmp_path, document)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{count} selected / {count} total" in done.stdout
    assert "Traceback" not in site.server.log_text()
    assert site.shell(ORDERS) == "cancel disconnect"


def test_an_answer_that_the_document_does_not_know_is_found(site: Site, tmp_path: Path) -> None:
    document = document_of(site)
    document["components"]["schemas"]["Ticket"]["properties"]["expires_in"]["type"] = "string"

    done = asked(site, tmp_path, document, "--include-path", "/ticket")

    assert done.returncode == 1
    assert "Response violates schema" in done.stdout

"""The browser's client without a browser: its own tests in node, its types, its size, its package."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

import scheduler_realtime
from scheduler_realtime.schemas import typescript
from tests.harness.child import REPOSITORY

CLIENT = REPOSITORY / "scheduler_realtime" / "static" / "scheduler_realtime"
LIMIT = 6 * 1024
BROTLI = "process.stdout.write(zlib.brotliCompressSync(fs.readFileSync(0)))"

USE = """
import { Presence, Refused, SurgerySchedulerWebSocket, ticketFrom } from "./index";

class Board extends SurgerySchedulerWebSocket {
  override handleScheduleUpdate(data: import("./index").ScheduleUpdateData): void {
    const id: string | number | null = data.surgery_id;
  }
}

const client = new Board(async ({ reason }) => (reason === "expiring" ? null : "token"), { interval: 1000 });
client.on("state", ({ state, staleSince }) => state === "stale" && staleSince?.getTime());
client.on("resync", async ({ reason }) => reason.length);
const end: () => void = client.on("emergency_alert", (message) => client.ack(message));
client.handleEmergencyAlert = (data) => data.description.length;
client.subscribe({ rooms: [1] }).then((filter) => filter?.rooms);
new Presence(client).users.map(({ username }) => username.length);
document.querySelector("realtime-status")!.client = new SurgerySchedulerWebSocket(ticketFrom());
"""

WRONG = [
    USE.replace('state === "stale"', 'state === "dead"'),
    USE.replace('"emergency_alert"', '"emergency"'),
    USE.replace("data.surgery_id", "data.id"),
    USE.replace("rooms: [1]", "rooms: 1"),
    USE.replace("client.ack(message)", "client.ack(true)"),
    USE.replace('"expiring"', '"expired"'),
]


def missing(what: str, *, where: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"no {what} on the PATH: {where}")
    pytest.skip(f"no {what} on the PATH: {where}")


def test_the_client_keeps_its_promises_on_a_fake_clock_and_socket() -> None:
    node = shutil.which("node") or missing("node", where="apt-get install nodejs")

    done = subprocess.run(
        [node, "--test", *map(str, sorted((REPOSITORY / "tests" / "node").glob("*.test.mjs")))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# pass 0\n" not in done.stdout


def test_the_types_of_the_frames_are_those_of_the_models() -> None:
    how = "manage.py realtime_schema --format typescript --output scheduler_realtime/static/..."
    assert (CLIENT / "frames.d.ts").read_text() == typescript.document(), how


def test_the_compiler_takes_a_program_that_is_right_and_refuses_wrong_ones(tmp_path: Path) -> None:
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("no tsc on the PATH: npm install --global typescript")
    for name in ("frames.d.ts", "index.d.ts"):
        shutil.copy(CLIENT / name, tmp_path)
    for number, use in enumerate([USE, *WRONG]):
        (tmp_path / f"use{number}.ts").write_text(use)

    switches = ["--noEmit", "--strict", "--noImplicitOverride", "--target", "es2022"]
    uses = [f"use{number}.ts" for number in range(len(WRONG) + 1)]
    done = subprocess.run(
        [tsc, *switches, "--pretty", "false", *uses],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert [use in done.stdout for use in uses] == [False] + [True] * len(WRONG), done.stdout
    assert ".d.ts" not in done.stdout, done.stdout


def test_all_a_page_must_load_is_under_six_kibibytes() -> None:
    """Client, presence and status element in one file, minified by esbuild, compressed by brotli."""
    node = shutil.which("node") or missing("node", where="apt-get install nodejs")
    esbuild = shutil.which("esbuild")
    if esbuild is None:
        pytest.skip("no esbuild on the PATH: npm install --global esbuild")
    switches = ["--bundle", "--minify", "--format=esm", "--target=es2022"]
    small = subprocess.run(
        [esbuild, CLIENT / "index.js", *switches], capture_output=True, check=True
    )

    compressed = subprocess.run(
        [node, "-e", BROTLI], input=small.stdout, capture_output=True, check=True
    )

    assert 1024 < len(compressed.stdout) < LIMIT


def test_the_npm_package_names_files_that_are_there_and_the_same_version() -> None:
    package = json.loads((CLIENT / "package.json").read_text())

    assert package["version"] == scheduler_realtime.__version__
    assert package["type"] == "module"
    for targets in package["exports"].values():
        for target in targets.values():
            assert (CLIENT / target).is_file(), target

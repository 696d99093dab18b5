"""TypeScript types of every frame: by their structure, and by the compiler where there is one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scheduler_realtime.schemas import shapes, typescript

USE = """
import type { ClientFrame, ServerFrame } from "./frames";

export function handled(frame: ServerFrame): ClientFrame | null {
  switch (frame.type) {
    case "schedule_update":
      const surgery: number | string | null = frame.data.surgery_id;
      return surgery === null ? null : { type: "ack", data: { id: frame.id } };
    case "emergency_alert":
      const position: number | undefined = frame.id;
      return position === undefined ? null : { type: "ack", data: { ids: [position] } };
    case "heartbeat_ack":
      return { type: "heartbeat", data: { position: frame.data.position }, ref: "r" };
    default:
      return null;
  }
}
"""

WRONG = [
    USE.replace("frame.data.surgery_id", "frame.data.position"),
    USE.replace('case "heartbeat_ack"', 'case "heartbeat_nak"'),
    USE.replace('type: "heartbeat"', 'type: "heart"'),
    USE.replace("ids: [position]", "ids: position"),
    USE.replace("number | undefined = frame.id", "number = frame.id"),
]


@pytest.fixture(scope="module")
def tsc() -> str:
    found = shutil.which("tsc")
    if found is None:
        pytest.skip("needs TypeScript's compiler: npm install --global typescript")
    return found


def compiled(tsc: str, folder: Path, uses: list[str]) -> list[int]:
    """Compile each use, and say which were refused."""
    (folder / "frames.d.ts").write_text(typescript.document())
    for number, use in enumerate(uses):
        (folder / f"use{number}.ts").write_text(use)
    done = subprocess.run(
        [tsc, "--noEmit", "--strict", "--pretty", "false", "frames.d.ts", *folder.glob("use*.ts")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "frames.d.ts" not in done.stdout, done.stdout
    return [number for number in range(len(uses)) if f"use{number}.ts" in done.stdout]


def test_the_compiler_tells_frames_apart_by_their_type(tsc: str, tmp_path: Path) -> None:
    assert compiled(tsc, tmp_path, [USE, *WRONG]) == [1, 2, 3, 4, 5]


def test_each_definition_is_declared_once_and_both_directions_are_unions() -> None:
    text = typescript.document()

    for name, schema in shapes.definitions().items():
        kind = "interface" if schema.get("properties") else "type"
        assert text.count(f"export {kind} {name} ") == 1
    assert text.count("\nexport ") == len(shapes.definitions())
    for union, frames in ((shapes.HEARD, shapes.heard()), (shapes.SAID, shapes.said())):
        assert f"type {union} = {' | '.join(frame.name for frame in frames)};" in text


def test_what_may_be_missing_is_marked_and_docstrings_come_along() -> None:
    text = typescript.document()

    assert '  type: "emergency_alert";\n  timestamp: string;\n' in text
    assert "  id?: number;" in text
    assert "/** An emergency; the patient's name only for those with the clearance. */" in text


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"enum": ["a", None]}, '"a" | null'),
        ({"type": "array", "items": {"type": "integer"}}, "Array<number>"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "Record<string, string>"),
        ({"type": "object"}, "Record<string, unknown>"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "number"),
        ({}, "unknown"),
    ],
)
def test_a_schema_is_written_as_the_type_it_means(
    monkeypatch: pytest.MonkeyPatch, schema: shapes.Schema, told: str
) -> None:
    monkeypatch.setattr(shapes, "definitions", lambda: {"Thing": schema})

    assert f"export type Thing = {told};" in typescript.document()


def test_no_description_ends_its_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    thing = {"type": "string", "description": "ends */ here\nand there"}
    monkeypatch.setattr(shapes, "definitions", lambda: {"Thing": thing})

    assert "/** ends * / here and there */" in typescript.document()

"""`realtime_schema`: each document to the screen, to a file, or all into a folder."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from scheduler_realtime import schemas


def said(*options: str) -> str:
    out = StringIO()
    call_command("realtime_schema", *options, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("name", schemas.FORMATS)
def test_a_document_is_printed_and_nothing_else(name: schemas.Format) -> None:
    assert said("--format", name) == schemas.text(name)


def test_asyncapi_is_what_comes_unasked() -> None:
    assert json.loads(said())["asyncapi"] == "3.0.0"


def test_a_document_is_written_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "types.d.ts"

    told = said("--format", "typescript", "--output", str(file))

    assert file.read_text() == schemas.text("typescript")
    assert str(file) in told


def test_all_are_written_into_a_folder(tmp_path: Path) -> None:
    said("--directory", str(tmp_path / "made" / "here"))

    files = {file.name for file in (tmp_path / "made" / "here").iterdir()}
    assert files == {"asyncapi.json", "openapi.json", "frames.schema.json", "frames.d.ts"}


def test_what_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        said("--output", str(tmp_path / "nowhere" / "file"))


def test_one_place_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        said("--output", str(tmp_path / "file"), "--directory", str(tmp_path))

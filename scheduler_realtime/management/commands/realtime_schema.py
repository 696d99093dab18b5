"""`manage.py realtime_schema`: what a client's author generates code from, to the screen or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler_realtime import schemas


class Command(BaseCommand):
    """Prints one document, or writes it into a file, or all of them into a folder."""

    help = (
        "Write the schemas of this project: AsyncAPI 3.0 of the socket, OpenAPI 3.1 of the REST API,"
        " JSON Schema and TypeScript types of every frame. What the project registered is in them."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--format",
            choices=schemas.FORMATS,
            default="asyncapi",
            help="Which one; asyncapi unless it is said.",
        )
        place = parser.add_mutually_exclusive_group()
        place.add_argument("--output", type=Path, metavar="FILE", help="Where, if not to stdout.")
        place.add_argument(
            "--directory", type=Path, metavar="FOLDER", help="Write all of them into this folder."
        )

    def handle(
        self, *args: Any, output: Path | None, directory: Path | None, **options: Any
    ) -> None:
        name: schemas.Format = options["format"]
        try:
            if directory is not None:
                self._write_all(directory)
            elif output is not None:
                self._write(output, name)
            else:
                self.stdout.write(schemas.text(name), ending="")
        except OSError as error:
            raise CommandError(f"It cannot be written: {error}") from None

    def _write_all(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, document in schemas.FORMATS.items():
            self._write(folder / document.file, name)

    def _write(self, file: Path, name: schemas.Format) -> None:
        file.write_text(schemas.text(name), encoding="utf-8")
        self.stdout.write(f"{file} is written.")

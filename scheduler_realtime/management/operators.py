"""What the commands of operators have in common: a manual below their options."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter


class _Formatter(DjangoHelpFormatter):
    """Leaves the lines of the manual as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class OperatorsCommand(BaseCommand):
    """A command with exit codes and examples in its `--help`."""

    manual: ClassVar[str] = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs |= {"epilog": self.manual, "formatter_class": _Formatter}
        return super().create_parser(prog_name, subcommand, **kwargs)

"""The README's table of writes and these tests are one: no row without a test, none without a row."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

import tests.test_write_paths as package
from tests.harness.child import REPOSITORY

pytestmark = pytest.mark.sqlite_only


def table() -> list[tuple[str, str]]:
    """The rows of the README's table: how one writes, and what is told."""
    text = (REPOSITORY / "README.md").read_text()
    [found] = re.findall(r"<!-- writes: begin -->\n(.*?)<!-- writes: end -->", text, re.DOTALL)
    cells = [line.strip("| ").split(" | ") for line in found.splitlines()[2:]]
    return [(how, told) for how, told in cells]


def proofs() -> Iterator[ModuleType]:
    """The modules that name a row; each is for one."""
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        if hasattr(module, "ROW"):
            yield module


def proving(module: ModuleType) -> list[str]:
    return [name for name, _ in inspect.getmembers(module, inspect.isfunction) if "test_" in name]


def test_every_row_has_tests_of_its_own_and_every_such_test_a_row() -> None:
    proven = [module.ROW for module in proofs()]

    assert sorted(proven) == sorted(table())
    assert all(proving(module) for module in proofs())


def test_the_table_is_read_as_it_is_written() -> None:
    rows = dict(table())

    assert len(rows) > 15
    assert rows["`loaddata` and other deserialized objects"] == "yes"

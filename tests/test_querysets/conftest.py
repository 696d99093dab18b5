"""Binding a host's model for a test, and rows to write to."""

from collections.abc import Iterator

import pytest

from tests.hosts.bound import Bind, binder
from tests.hosts.models import Coded


@pytest.fixture
def bind() -> Iterator[Bind]:
    with binder() as bind:
        yield bind


@pytest.fixture
def codes() -> list[Coded]:
    return [Coded.objects.create(code=code) for code in "abc"]

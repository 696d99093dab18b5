"""Binding a host's model for a test."""

from collections.abc import Iterator

import pytest

from tests.hosts.bound import Bind, binder


@pytest.fixture
def bind() -> Iterator[Bind]:
    with binder() as bind:
        yield bind

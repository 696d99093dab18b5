"""Binding a host's model for a test, and what was told since."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import models

from tests.hosts.bound import Bind, Told, binder

Watch = Callable[..., Told]


@pytest.fixture
def bind(db: None) -> Iterator[Bind]:
    with binder() as bind:
        yield bind


@pytest.fixture
def watch(bind: Bind) -> Watch:
    """`watch(Operation, "status")`: registers it, tracking those, and returns what is told from then on."""

    def watching(model: type[models.Model], *tracked: str, **attributes: Any) -> Told:
        bind(model, tracked=list(tracked), **attributes)
        return Told()

    return watching

"""The canary's order: the one socket it is for is told of it, and no other."""

import json
import uuid
from typing import Any

import pytest

from scheduler_realtime import orders
from scheduler_realtime.messages import CONTROL
from scheduler_realtime.models import Message
from tests.harness.house import House, row


@pytest.mark.django_db
def test_it_is_an_order_that_nobody_hears_by_a_key_of_its_own() -> None:
    key = orders.canary("a socket")

    written = Message.objects.get(key=key)
    assert (written.type, written.groups) == (CONTROL, "[]")
    assert json.loads(written.body) == {
        "order": "canary",
        "connection": "a socket",
        "canary": str(key),
    }


@pytest.mark.sqlite_only
async def test_the_socket_it_is_for_is_told(house: House) -> None:
    one, two = await house.join(), await house.join()
    key = str(uuid.uuid4())
    order: dict[str, Any] = {"order": "canary", "connection": one.connection.id, "canary": key}

    house.publish(row(1, CONTROL, groups=(), **order), row(2))
    await house.told()

    assert one.last("canary")["data"] == {"canary": key}
    assert one.types.count("canary") == 1
    assert "canary" not in two.types
    assert two.positions == [2]

"""Orders: what is written in the log is done on every node, and heard by no client."""

import asyncio
import logging

import pytest

from tests.harness.house import House, identity, row
from tests.harness.line import until
from tests.harness.site import Site

REGISTER = """
from scheduler_realtime import clock
import uuid
now = clock.now()
node = Node.objects.create(
    hostname="h", pid=1, started_at=now, lease_until=now + timedelta(seconds=60)
)
Connection.objects.update_or_create(
    pk=uuid.UUID({connection_id!r}),
    defaults=dict(user_id={user_id}, node=node, username="x", connected_at=now, last_seen_at=now),
)
"""


@pytest.mark.slow
async def test_a_socket_is_closed_over_rest_on_whichever_node_it_is(clustered_site: Site) -> None:
    site = clustered_site
    here, there = site.servers
    async with (
        site.listen("nurse", server=there) as ear,
        site.listen("nurse", server=there) as other,
        site.listen("nurse", server=here) as third,
    ):
        welcome = await ear.next("welcome")
        connection_id = welcome["data"]["connection_id"]
        for each in (other, third):
            await each.next("welcome")
        code = REGISTER.format(connection_id=connection_id, user_id=site.user_id("nurse"))
        await asyncio.to_thread(site.shell, code)

        path = f"/api/ws/connections/{connection_id}"
        answer = await asyncio.to_thread(site.request, "DELETE", path, who="admin", server=here)
        closed = await ear.closed()
        heard = [await each.drain_by_asking() for each in (other, third)]
    await asyncio.to_thread(site.shell, 'Node.objects.filter(hostname="h").delete()')

    assert answer.status == 204
    assert closed == 4409
    assert not [frame for frames in heard for frame in frames if frame["type"] == "control"]


async def test_only_the_named_sockets_are_closed(house: House) -> None:
    nurse, other = await house.join(), await house.join(who=identity({"everyone"}, user_id=2))
    named = [nurse.connection.id, "somewhere else"]

    house.publish(row(1, "control", groups=[], order="disconnect", connections=named))
    await house.told()

    await until(lambda: nurse.line.close_code)
    assert (nurse.line.close_code, other.line.close_code) == (4409, None)


@pytest.mark.parametrize(
    ("facts", "is_known"),
    [
        ({"order": "cancel", "optimization_id": "run", "user_id": 1}, True),
        ({"order": "of a newer node"}, False),
        ({}, False),
        ({"order": "disconnect", "connections": "all"}, False),
    ],
)
async def test_an_order_for_others_closes_nothing_and_one_not_known_is_logged(
    house: House, facts: dict[str, object], is_known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    nurse = await house.join()

    house.publish(row(1, "control", groups=[], **facts), row(2))
    await house.told()

    complaints = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert nurse.line.close_code is None
    assert nurse.positions == [2]
    assert bool(complaints) is not is_known

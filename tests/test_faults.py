"""What goes wrong in between, and what is heard all the same: nothing lost, nothing invented."""

import asyncio

import pytest

from tests.conftest import OpenClustered
from tests.harness.site import Site
from tests.test_main_job import SHELL_SAVE, is_update_of

pytestmark = pytest.mark.servers

KILLED_IN_POST_SAVE = """
import os, signal
from django.db.models.signals import post_save
from project.scheduling.models import Surgery

def die(**kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

post_save.connect(die, sender=Surgery, weak=False)
surgery = Surgery.objects.get(pk={pk})
surgery.notes = "half done"
surgery.save()
"""

BINDING_RAISES = """
from scheduler_realtime.registry import binding_for

binding = binding_for(Surgery)

def failing(instance):
    User.objects.raw("SELECT nothing FROM nowhere")[0]

binding.audience = failing
try:
    surgery = Surgery.objects.get(pk={pk})
    surgery.notes = "saved all the same"
    surgery.save()
finally:
    del binding.audience
"""


@pytest.fixture(params=["embedded", "clustered"])
def any_site(request: pytest.FixtureRequest) -> Site:
    """A site on SQLite with one process, and one on PostgreSQL with two."""
    if request.param == "clustered":
        return request.getfixturevalue("clustered_site")
    return request.getfixturevalue("embedded")("uvicorn")


def notes_of(site: Site, pk: int) -> str:
    return site.shell(f"print(Surgery.objects.get(pk={pk}).notes)")


async def test_a_process_killed_in_post_save_leaves_neither_row_nor_message(
    any_site: Site,
) -> None:
    row = any_site.surgeries()[0]

    async with any_site.listen("nurse") as ear:
        await ear.next("welcome")
        died = await asyncio.to_thread(
            any_site.manage, "shell", "-c", KILLED_IN_POST_SAVE.format(pk=row["id"]), check=False
        )
        await asyncio.to_thread(any_site.shell, SHELL_SAVE.format(pk=row["id"], notes="sentinel"))
        sentinel = is_update_of(row["id"], notes="sentinel")
        last = await ear.next(where=sentinel)

    assert died.returncode == -9
    assert last["data"]["previous"] == {"notes": row["notes"]}
    updates = [frame for frame in ear.frames if frame["type"] == "schedule_update"]
    assert updates == [last]


async def test_a_binding_that_raises_saves_the_row_and_tells_everyone_to_resync(
    any_site: Site,
) -> None:
    pk = any_site.surgeries()[0]["id"]

    async with any_site.listen("viewer") as ear:
        welcome = await ear.next("welcome")
        await asyncio.to_thread(any_site.shell, BINDING_RAISES.format(pk=pk))
        resync = await ear.next("resync")
        notes = await asyncio.to_thread(notes_of, any_site, pk)

    assert notes == "saved all the same"
    assert resync["data"]["reason"] == "capture_failed"
    assert resync["data"]["epoch"] == welcome["data"]["epoch"]
    assert resync["data"]["position"] > welcome["data"]["position"]


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_without_redis_a_save_is_heard_in_every_process(
    clustered_site: Site, fault: str
) -> None:
    pk = clustered_site.surgeries()[0]["id"]

    async with (
        clustered_site.listen("nurse", server=clustered_site.servers[0]) as one,
        clustered_site.listen("nurse", server=clustered_site.servers[1]) as two,
    ):
        for ear in (one, two):
            await ear.next("welcome")
        getattr(clustered_site.redis, fault)()
        await asyncio.to_thread(
            clustered_site.patch_surgery, pk, server=clustered_site.servers[0], notes="no bell"
        )

        for ear in (one, two):
            await ear.next(where=is_update_of(pk, notes="no bell"), timeout=2)


async def test_a_handshake_does_not_wait_for_a_frozen_redis(clustered_site: Site) -> None:
    clustered_site.redis.freeze()  # type: ignore[union-attr]  # it is the site's own

    async with clustered_site.listen("surgeon") as ear:
        welcome = await ear.next("welcome", timeout=1)

    assert welcome["data"]["username"] == "surgeon"


CARRY = """
from scheduler_realtime import doorbell
doorbell.carry({"type": "x", "data": {}}, ["everyone"])
"""


async def test_after_redis_came_back_an_ephemeral_frame_reaches_the_other_process(
    clustered_site: Site,
) -> None:
    clustered_site.redis.kill()  # type: ignore[union-attr]  # it is the site's own
    clustered_site.ensure_running()

    async with (
        clustered_site.listen("nurse", server=clustered_site.servers[0]) as ear,
        asyncio.timeout(20),
    ):
        await ear.next("welcome")
        while True:  # nothing says when the layer has joined again: ask until it has
            await asyncio.to_thread(clustered_site.shell, CARRY)
            try:
                await ear.next("x", timeout=1)
            except AssertionError:
                continue
            break


async def test_saves_are_heard_again_after_postgresql_restarted(clustered: OpenClustered) -> None:
    site = clustered("uvicorn", own_postgres=True)
    pk = site.surgeries()[0]["id"]

    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(site.postgres.restart, immediate=True)  # type: ignore[union-attr,call-arg]
        await asyncio.to_thread(site.shell, SHELL_SAVE.format(pk=pk, notes="after"))

        await ear.next(where=is_update_of(pk, notes="after"), timeout=10)

    assert ear.connection.close_code == 1000


HOLD_THE_LOG = """
import threading, time
from django.db import connections, transaction

def hold():
    with transaction.atomic():
        Log.objects.select_for_update().get()
        held.set()
        time.sleep(3)
    connections.close_all()

held = threading.Event()
threading.Thread(target=hold).start()
held.wait()
"""


async def test_a_board_is_called_stale_while_nobody_can_give_positions(
    clustered: OpenClustered,
) -> None:
    site = clustered("uvicorn", env={"WEBSOCKET_STALE_AFTER": "0.5"})
    pk = site.surgeries()[0]["id"]

    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(site.shell, HOLD_THE_LOG)
        await asyncio.to_thread(site.shell, SHELL_SAVE.format(pk=pk, notes="waits"))
        stale = await ear.next("line")
        await ear.next(where=is_update_of(pk, notes="waits"), timeout=10)
        live = await ear.next("line")

    assert (stale["data"]["state"], live["data"]["state"]) == ("stale", "live")

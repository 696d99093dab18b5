"""What Redis is sent: rings, presence and ticks, and of no patient anything, whatever is told."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.harness.redis_server import RedisServer
from tests.harness.site import Site

SECRETS = ("Zebedee", "Quillfeather")
"""A name that nothing else holds, in each of whose halves one would know it."""

NAME = " ".join(SECRETS)

TELL_EVERYTHING = """
from django.contrib.auth.models import User
from django.db import transaction
from project.scheduling.models import Surgery
from scheduler_realtime import *
from scheduler_realtime import orders
from tests.harness import pristine

NAME = {name!r}
nurse = User.objects.get(username="nurse")


@register_message
class Whisper(Payload):
    type = "whisper"
    durable = False
    protected = {{"who"}}
    who: str | None = None
    room: int = 1


def tell():
    surgery = Surgery.objects.first()
    with acting_as(nurse):
        surgery.patient_name = surgery.notes = NAME
        surgery.save()
        Surgery.objects.update(notes=NAME + "!")
        with transaction.atomic():
            for each in Surgery.objects.all():
                each.patient_name = NAME
                each.save()
        surgery.delete()
    broadcast_schedule_update(action="update", surgery_id=1, changes={{"patient_name": NAME}})
    broadcast_emergency_alert(
        emergency_id="e", emergency_type="trauma", priority="immediate", description=NAME,
        patient_name=NAME, users=[nurse],
    )
    send_system_notification(title=NAME, message=NAME, roles=["nurse"])
    broadcast_conflict_notification(
        conflict_id="c", conflict_type="room", severity="error", description=NAME,
        suggested_actions=[NAME],
    )
    publish(Whisper(who=NAME), roles=["nobody"])
    publish(Whisper(), roles=["nobody"])
    for n in range(1, 5):
        broadcast_optimization_progress(
            optimization_id="run", progress_percentage=25 * n, metrics={{"worst": 1}},
            status="completed" if n == 4 else "running",
        )
    orders.look_up([nurse.pk])
    orders.disconnect(["none"])
    broadcast_optimization_progress(optimization_id="going on", progress_percentage=1)
    orders.cancel("going on", user_id=nurse.pk, groups=["everyone"])
    broadcast_resync()
    send_system_notification(title="end", message="m")


tell()
pristine.settle()
"""


class Wiretap(threading.Thread):
    """Hears every command that a Redis is sent, from before the first to after the last."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(daemon=True)
        self._line = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        self._line.sendall(b"MONITOR\r\n")
        self._taken = bytearray(self._line.recv(5))
        self._server = server

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := self._line.recv(1 << 16):
                self._taken += chunk

    def hang_up(self) -> bytes:
        """What was heard, all of it: a word that is said last has come."""
        self._server.ask("ECHO that-was-all")
        while b"that-was-all" not in self._taken:
            assert self.is_alive()
        self._line.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self._line.close()
        return bytes(self._taken)


@pytest.fixture
def wiretap(clustered_site: Site) -> Iterator[Wiretap]:
    url = clustered_site.redis_url
    assert url is not None
    tap = Wiretap(clustered_site.redis)
    tap.start()
    yield tap
    assert not tap.is_alive()


async def test_no_patient_is_named_in_anything_that_redis_is_sent(
    clustered_site: Site, wiretap: Wiretap
) -> None:
    site = clustered_site
    near, far = site.servers

    async with (
        site.listen("nurse", server=near) as nurse,
        site.listen("admin", server=far) as chief,
    ):
        for ear in (nurse, chief):
            await ear.next("welcome")
        await asyncio.to_thread(site.shell, TELL_EVERYTHING.format(name=NAME))
        frames = [
            await ear.drain_until(lambda frame: frame["data"].get("title") == "end")
            for ear in (nurse, chief)
        ]
        conflict = next(each for each in frames[1] if each["type"] == "conflict_notification")
        await chief.ask("ack", {"ids": [conflict["id"]]})
        await nurse.ask("presence")
    sent = await asyncio.to_thread(wiretap.hang_up)

    told = {frame["type"] for frame in frames[1]}
    assert {"schedule_update", "conflict_notification", "resync", "optimization_progress"} <= told
    assert NAME in str(frames[1])
    for carried in (b"realtime.log", b"optimization_progress", b"whisper", b"realtime.presence"):
        assert carried in sent
    for secret in SECRETS:
        assert secret.encode() not in sent

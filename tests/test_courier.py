"""The courier: to the channel layer in order, bounded, and never stuck behind it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from scheduler_realtime.doorbell import LOG_GROUP, Courier, courier
from tests.harness.fake_layer import FakeLayer

RING = {"type": "realtime.ring"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> FakeLayer:
    """The channel layer, whoever asks for it."""
    layer = FakeLayer()
    monkeypatch.setattr(courier, "get_channel_layer", lambda alias: layer)
    return layer


@contextlib.asynccontextmanager
async def running(errand: Courier) -> AsyncIterator[Courier]:
    task = asyncio.create_task(errand.run())
    yield errand
    assert not task.done()
    task.cancel()


async def all_sent(layer: FakeLayer, errand: Courier) -> list[tuple[str, Any]]:
    """What was sent by the time that one frame more has gone out."""
    errand.put("the end", {})
    await asyncio.to_thread(_await_the_end, layer)
    return layer.sent[:-1]


def _await_the_end(layer: FakeLayer) -> None:
    with layer.news:
        assert layer.news.wait_for(lambda: ("the end", None) in layer.sent, 5), layer.sent


async def busy(layer: FakeLayer, errand: Courier) -> None:
    """Have the courier wait for the layer with something in hand."""
    layer.open.clear()
    errand.put("first", {"frame": 0})
    await layer.begun.wait()


async def test_frames_go_out_in_order(layer: FakeLayer) -> None:
    async with running(Courier()) as errand:
        for number in range(5):
            errand.put("user.7", {"frame": number})

        assert await all_sent(layer, errand) == [("user.7", number) for number in range(5)]


async def test_rings_that_wait_fold_into_the_last(layer: FakeLayer) -> None:
    async with running(Courier()) as errand:
        await busy(layer, errand)
        for head in range(100):
            errand.put(LOG_GROUP, RING | {"head": head})
        layer.open.set()

        assert await all_sent(layer, errand) == [("first", 0), (LOG_GROUP, 99)]


async def test_a_ring_goes_before_the_frames_that_wait(layer: FakeLayer) -> None:
    async with running(Courier()) as errand:
        await busy(layer, errand)
        errand.put("user.7", {"frame": 1})
        errand.put(LOG_GROUP, RING | {"head": 1})
        layer.open.set()

        assert (await all_sent(layer, errand))[1:] == [(LOG_GROUP, 1), ("user.7", 1)]


async def test_rings_without_end_do_not_keep_frames_back(
    layer: FakeLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    errand = Courier()
    original = layer.group_send

    async def ringing(group: str, message: dict[str, Any]) -> None:
        await original(group, message)
        if len(layer.sent) < 50:
            errand.put(LOG_GROUP, RING | {"head": len(layer.sent)})

    monkeypatch.setattr(layer, "group_send", ringing)

    async with running(errand):
        errand.put(LOG_GROUP, RING | {"head": 0})
        errand.put("user.7", {"frame": 1})
        sent = await all_sent(layer, errand)

    assert sent[:2] == [(LOG_GROUP, 0), ("user.7", 1)]


async def test_of_more_frames_than_may_wait_the_oldest_are_let_go(layer: FakeLayer) -> None:
    async with running(Courier()) as errand:
        await busy(layer, errand)
        for number in range(courier.WAITING + 5):
            errand.put("user.7", {"frame": number})
        layer.open.set()
        sent = await all_sent(layer, errand)

    frames = [frame for _, frame in sent[1:]]
    assert len(frames) == courier.WAITING - 1
    assert frames[0] == 6


async def test_a_frame_whose_moment_is_over_is_let_go(layer: FakeLayer) -> None:
    clock = Clock()
    async with running(Courier(clock=clock)) as errand:
        await busy(layer, errand)
        errand.put("user.7", {"frame": "old"})
        clock.now += courier.WORTH
        errand.put("user.7", {"frame": "new"})
        layer.open.set()

        assert (await all_sent(layer, errand))[1:] == [("user.7", "new")]


async def test_a_layer_that_hangs_is_given_up(
    layer: FakeLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "SEND_TIMEOUT", 0.05)
    async with running(Courier()) as errand:
        await busy(layer, errand)
        errand.put(LOG_GROUP, RING | {"head": 1})
        layer.begun.clear()
        async with asyncio.timeout(10):
            await layer.begun.wait()
        layer.open.set()

        assert await all_sent(layer, errand) == [(LOG_GROUP, 1)]


async def test_a_layer_that_fails_is_complained_of_once_and_tried_again(
    layer: FakeLayer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "scheduler_realtime")
    layer.fault = ConnectionError("refused")
    async with running(Courier()) as errand:
        for number in range(3):
            layer.begun.clear()
            errand.put("user.7", {"frame": number})
            await layer.begun.wait()
            await asyncio.sleep(0)
        layer.fault = None
        await all_sent(layer, errand)

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_layer_that_cannot_even_be_made_does_not_end_the_courier(
    layer: FakeLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: Iterator[Any] = iter([ImportError("no such module")])
    monkeypatch.setattr(courier, "get_channel_layer", lambda alias: next(answers, layer))
    async with running(Courier()) as errand:
        errand.put("user.7", {"frame": 1})

        assert await all_sent(layer, errand) == []

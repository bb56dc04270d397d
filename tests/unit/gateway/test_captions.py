"""The hub: one listener for all sockets, bounded, cheap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.unit.gateway.doubles import KEY, FakeBroker, final

from twicetold.gateway.captions import CaptionHub
from twicetold.speech.events import Caption, Kind, Partial
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit


def partial(text: str = "hm", utterance: int = 0) -> bytes:
    return Caption.of(Partial(0, utterance, 0.0, 1.0, text)).to_bytes()


@pytest.fixture
async def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
async def hub(broker: FakeBroker) -> AsyncIterator[CaptionHub]:
    hub = CaptionHub(broker)  # type: ignore[arg-type]
    hub.start()
    yield hub
    await hub.aclose()


async def test_each_reader_gets_its_calls_captions_in_order(
    hub: CaptionHub, broker: FakeBroker
) -> None:
    other = CallKey("default", "call-2")
    one, two, three = [await hub.subscribe(key) for key in (KEY, KEY, other)]
    for n in range(3):
        broker.say(partial(str(n)))
    broker.say(partial("other"), other)
    texts = [[caption.body()["text"] for caption in await s.receive()] for s in (one, two, three)]
    assert texts == [["0", "1", "2"], ["0", "1", "2"], ["other"]]
    assert len(broker.listeners) == 1


async def test_the_last_reader_to_leave_stops_the_listening(
    hub: CaptionHub, broker: FakeBroker
) -> None:
    one, two = await hub.subscribe(KEY), await hub.subscribe(KEY)
    await one.close()
    await one.close()
    assert broker.listeners[0].keys == {KEY}
    await two.close()
    assert not broker.listeners[0].keys
    assert await two.receive() == []


async def test_a_reader_that_sleeps_loses_partials_first(
    hub: CaptionHub, broker: FakeBroker
) -> None:
    reader = await hub.subscribe(KEY)
    for n in range(1, 201):
        broker.say(Caption.of_final(final(n)).to_bytes())
        broker.say(partial(f"p{n}"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    captions = await reader.receive()
    assert len(captions) <= 256
    assert [c.event for c in captions if c.kind is Kind.FINAL] == list(range(1, 201))
    assert not reader.take_gap()


async def test_a_reader_that_sleeps_on_is_told_of_its_gap(
    hub: CaptionHub, broker: FakeBroker
) -> None:
    reader = await hub.subscribe(KEY)
    for n in range(1, 1001):
        broker.say(Caption.of_final(final(n)).to_bytes())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    captions = await reader.receive()
    assert len(captions) <= 256
    assert captions[-1].event == 1000
    assert reader.take_gap()
    assert not reader.take_gap()


async def test_what_cannot_be_read_is_passed_over(hub: CaptionHub, broker: FakeBroker) -> None:
    reader = await hub.subscribe(KEY)
    for damaged in (b"", b"\x01", b"\xff\x00\x00\x00\x00{}", b"\x02\x00\x00\x00\x00\xff\xfe"):
        broker.say(damaged)
    broker.say(partial("fine"))
    assert [caption.body()["text"] for caption in await reader.receive()] == ["fine"]
    assert hub.unreadable == 4


async def test_a_stopped_hub_ends_its_readers_and_takes_no_new_ones(
    hub: CaptionHub, broker: FakeBroker
) -> None:
    reader = await hub.subscribe(KEY)
    waiting = asyncio.create_task(reader.receive())
    await asyncio.sleep(0)
    assert hub.alive
    hub.stop()
    assert await waiting == []
    assert await (await hub.subscribe(KEY)).receive() == []
    assert not hub.alive


async def test_a_listener_that_fails_ends_the_readers(hub: CaptionHub, broker: FakeBroker) -> None:
    reader = await hub.subscribe(KEY)
    await asyncio.sleep(0)
    broker.listeners[0].fail(OSError("gone"))
    assert await reader.receive() == []
    assert not hub.alive


async def test_waiting_may_be_cancelled_without_loss(hub: CaptionHub, broker: FakeBroker) -> None:
    reader = await hub.subscribe(KEY)
    given: list[Caption] = []
    for n in range(20):
        waiting = asyncio.create_task(reader.receive())
        await asyncio.sleep(0)
        broker.say(partial(str(n)))
        for _ in range(n % 4):
            await asyncio.sleep(0)
        waiting.cancel()
        for result in await asyncio.gather(waiting, return_exceptions=True):
            given += result if isinstance(result, list) else []
    given += await reader.receive()
    assert [caption.body()["text"] for caption in given] == [str(n) for n in range(20)]

"""The live worker where a call is lost or given up: nothing of it may hold its partition up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.live.test_call import KEY, RATE, Carrier, Constant, HungEngine

from twicetold.broker import Delivery
from twicetold.errors import SessionLost, SwapLost
from twicetold.live.call import LiveSettings
from twicetold.live.dispatch import Fate
from twicetold.live.endpointing import EndpointSettings
from twicetold.live.engines import LiveEngines
from twicetold.live.inbox import Inbox, Item
from twicetold.live.worker import LiveWorker
from twicetold.sessions import Record
from twicetold.speech.chunks import AudioChunk, Close

pytestmark = pytest.mark.unit


class Failing(Carrier):
    """A test double of carriers whose session store fails at the first final."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error
        self.failed = asyncio.Event()
        self.running: asyncio.Task[Fate] | None = None  # to be cancelled at that moment

    async def load(self, key: Any) -> Record:
        return Record(
            key=KEY,
            rate=RATE,
            channels=1,
            language="en",
            encoding="pcm_s16le",
            input_rate=RATE,
            token_hash="",
            started_at=0.0,
        )

    async def swap(self, key: Any, expected: object, changes: dict[str, Any]) -> None:
        if "boundaries" in changes:
            self.failed.set()
            if self.running is not None:
                self.running.cancel()
            raise self._error
        await super().swap(key, expected, changes)


STEP = RATE // 4


def at_work(carrier: Failing, engine: HungEngine) -> tuple[LiveWorker, Inbox]:
    """A worker, and a call's inbox with 35 s of sound in it."""
    worker = LiveWorker(
        carrier,  # type: ignore[arg-type]
        carrier,  # type: ignore[arg-type]
        LiveEngines.alone(engine),
        Constant(0.9),
        LiveSettings(EndpointSettings()),
    )
    worker._consumer = carrier  # type: ignore[assignment]
    inbox = Inbox(carrier)
    chunks = [AudioChunk(1, number * STEP, RATE, 1, b"\1\0" * STEP) for number in range(140)]
    for number, chunk in enumerate(chunks):
        inbox.put(Item(Delivery("p", number, KEY, b""), chunk, 2 * STEP))
    return worker, inbox


@pytest.mark.parametrize(
    ("error", "fate", "all_released"),
    [
        (SessionLost("wiped, says the test"), Fate.OVER, True),
        (RuntimeError("a mistake, says the test"), Fate.OVER, True),
        (SwapLost("taken, says the test"), Fate.TAKEN, False),
    ],
)
async def test_what_a_lost_call_had_read_is_let_go_unless_another_has_it(
    error: Exception, fate: Fate, all_released: bool
) -> None:
    carrier, engine = Failing(error), HungEngine()
    worker, inbox = at_work(carrier, engine)
    running = asyncio.create_task(worker._run_call(KEY, inbox))
    await asyncio.sleep(0.05)
    engine.enough.set()
    await asyncio.wait_for(carrier.failed.wait(), 10)
    await asyncio.sleep(0.05)
    inbox.put(Item(Delivery("p", 140, KEY, b""), Close(1, 140 * STEP), 13))
    assert await asyncio.wait_for(running, 10) is fate
    assert (carrier.released == 141) is all_released
    assert worker._calls == {}


@pytest.mark.parametrize("error", [SessionLost("wiped"), RuntimeError("a mistake")], ids=repr)
async def test_who_stops_as_a_call_is_lost_does_not_wait_for_its_last_messages(
    error: Exception,
) -> None:
    carrier, engine = Failing(error), HungEngine()
    worker, inbox = at_work(carrier, engine)
    carrier.running = running = asyncio.create_task(worker._run_call(KEY, inbox))
    await asyncio.sleep(0.05)
    engine.enough.set()
    ended, _ = await asyncio.wait({running}, timeout=10)  # of 30 that it would wait
    assert ended
    assert worker._calls == {}

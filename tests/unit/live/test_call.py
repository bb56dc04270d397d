"""One running call against an engine that fails: it goes on, and says so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.live.test_utterances import INFO

from twicetold.broker import Delivery, Topic
from twicetold.engines import Stream
from twicetold.errors import EngineFailed
from twicetold.live.call import LiveCall, LiveSettings
from twicetold.live.detection import Detector
from twicetold.live.endpointing import EndpointSettings
from twicetold.live.inbox import Inbox, Item
from twicetold.live.ledger import Ledger
from twicetold.sessions import Record, State
from twicetold.speech.chunks import AudioChunk, Close, Finalize, parse_finals_message
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Hypothesis

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")
RATE = 8_000


class Constant:
    """A test double of a detector that finds every frame as likely to be speech."""

    frame_s = 0.032
    blocking = False

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def start(self, rate: int) -> object:
        return None

    def frame_samples(self, rate: int) -> int:
        return 256

    def probabilities(self, state: object, pcm: bytes) -> tuple[list[float], object]:
        return [self._probability] * (len(pcm) // 512), None


class HungStream:
    """A test double: answers with a timeout, after the backlog has grown beyond its bound."""

    def __init__(self, engine: HungEngine) -> None:
        self._engine = engine

    async def accept(self, pcm: bytes) -> Hypothesis:
        await self._engine.enough.wait()
        raise EngineFailed("no answer in time")

    async def finish(self) -> Hypothesis:
        raise EngineFailed("no answer in time")

    async def aclose(self) -> None:
        """Nothing to give back."""


class HungEngine:
    """A test double of an engine that hangs."""

    info = INFO

    def __init__(self) -> None:
        self.enough = asyncio.Event()

    async def start_stream(self, rate: int, language: str, adaptation: str | None = None) -> Stream:
        return HungStream(self)

    async def aclose(self) -> None:
        """Nothing to give back."""


class Carrier:
    """A test double of broker, sessions and consumer at once: remembers."""

    def __init__(self) -> None:
        self.finals: list[Final] = []
        self.states: list[State] = []
        self.released = 0
        self.takeovers: list[int] = []

    def publish(self, topic: Topic, key: CallKey, value: bytes) -> asyncio.Future[None]:
        if topic is Topic.FINALS and isinstance(final := parse_finals_message(value), Final):
            self.finals.append(final)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def swap(self, key: CallKey, expected: object, changes: dict[str, Any]) -> None:
        if "state" in changes:
            self.states.append(changes["state"])
        if "takeovers" in changes:
            self.takeovers.append(changes["takeovers"])

    def release(self, delivery: Delivery) -> None:
        self.released += 1

    def hold(self) -> None:
        """What was put is in memory already."""

    def free(self) -> None:
        """See hold."""


def live_call(
    carrier: Carrier, engine: HungEngine, *, speech: float = 0.9, **changes: Any
) -> LiveCall:
    record = Record(
        key=KEY,
        rate=RATE,
        channels=1,
        language="en",
        encoding="pcm_s16le",
        input_rate=RATE,
        token_hash="",
        started_at=0.0,
        **changes,
    )
    return LiveCall(
        record,
        Ledger(carrier, carrier, record, "fake"),  # type: ignore[arg-type]
        carrier,  # type: ignore[arg-type]
        Inbox(carrier),
        engine,
        Detector(Constant(speech)),
        LiveSettings(EndpointSettings()),
        None,
    )


async def test_an_engine_that_hangs_costs_its_utterance_and_not_the_call() -> None:
    carrier, engine = Carrier(), HungEngine()
    call = live_call(carrier, engine)
    running = asyncio.create_task(call.run())
    seconds = 14  # more than the backlog that a call may have
    step = RATE // 4
    for number in range(4 * seconds):
        chunk = AudioChunk(1, number * step, RATE, 1, b"\1\0" * step)
        call.inbox.put(Item(Delivery("p", number, KEY, b""), chunk, 2 * step))
    call.inbox.put(Item(Delivery("p", 4 * seconds, KEY, b""), Close(1, seconds * RATE), 13))
    late = Finalize(1, seconds * RATE)  # of a gateway that woke after the end
    call.inbox.put(Item(Delivery("p", 4 * seconds + 1, KEY, b""), late, 13))
    await asyncio.sleep(0.1)
    engine.enough.set()
    await asyncio.wait_for(running, 10)
    assert [final.failed for final in carrier.finals] == [True]
    assert carrier.states == [State.CLOSED]
    assert carrier.released == 4 * seconds + 2


async def test_deaths_are_forgotten_once_a_worker_has_outlived_what_it_took_over() -> None:
    """Counted from where it began to hear: the silence since the last utterance may be long."""
    carrier = Carrier()
    taken_up = {"owner": 3, "takeovers": 2, "boundaries": (RATE,), "utterances": (1,)}
    call = live_call(carrier, HungEngine(), speech=0.0, **taken_up)
    running = asyncio.create_task(call.run())
    for second in range(300, 350):
        if second == 340:
            await asyncio.sleep(0.1)
            assert carrier.takeovers == [3], "expected an utterance that may be under way to count"
        chunk = AudioChunk(1, second * RATE, RATE, 1, bytes(2 * RATE))
        call.inbox.put(Item(Delivery("p", second, KEY, b""), chunk, 2 * RATE))
    async with asyncio.timeout(10):
        while carrier.takeovers == [3]:
            await asyncio.sleep(0.01)
    assert carrier.takeovers == [3, 0]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

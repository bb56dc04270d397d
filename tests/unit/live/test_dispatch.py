"""Calls of shared partitions: each by itself, whatever comes of its neighbours or the partition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from twicetold.broker import Assigned, Delivery, Foreign, Revoked
from twicetold.live import dispatch, inbox
from twicetold.live.dispatch import Dispatcher, Fate
from twicetold.live.inbox import Inbox, drain
from twicetold.speech.chunks import AudioChunk, Close, Finalize, LogMessage
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

A, B = CallKey("acme", "a"), CallKey("acme", "b")


class FakeConsumer:
    """A test double: gives what the test puts in, remembers what it is told."""

    def __init__(self) -> None:
        self.foreign = Foreign()
        self.queue: asyncio.Queue[list[Delivery | Assigned | Revoked]] = asyncio.Queue()
        self.released: list[int] = []
        self.told: list[str] = []
        self._position = 0

    async def receive(self) -> list[Delivery | Assigned | Revoked]:
        return await self.queue.get()

    def release(self, delivery: Delivery) -> None:
        self.released.append(delivery.position)

    def pause(self, partition: str) -> None:
        self.told.append(f"pause {partition}")

    def resume(self, partition: str) -> None:
        self.told.append(f"resume {partition}")

    def rewind(self, partition: str) -> None:
        self.told.append(f"rewind {partition}")

    async def aclose(self) -> None:
        self.told.append("closed")

    def give(self, *items: Delivery | Assigned | Revoked) -> None:
        self.queue.put_nowait(list(items))

    def send(self, key: CallKey, message: LogMessage | bytes) -> int:
        """One message; returns its position."""
        value = message if isinstance(message, bytes) else message.to_bytes()
        self.give(Delivery("p", self._position, key, value))
        self._position += 1
        return self._position - 1


@dataclass
class Calls:
    """A test double of what is done with a call's messages: remembers, and does as it is told."""

    consumer: FakeConsumer
    seen: list[tuple[CallKey, LogMessage]] = field(default_factory=list)
    runs: list[CallKey] = field(default_factory=list)
    ended: list[CallKey] = field(default_factory=list)
    fate: Callable[[CallKey], Fate] = lambda key: Fate.OVER
    leaving: Callable[[], Awaitable[None]] | None = None

    async def run(self, key: CallKey, box: Inbox) -> Fate:
        self.runs.append(key)
        try:
            while True:
                items = await box.take(1 << 20)
                for item in items:
                    self.seen.append((key, item.message))
                    self.consumer.release(item.receipt)
                if any(isinstance(item.message, Close) for item in items):
                    return self.fate(key)
        finally:
            if self.leaving is not None:
                await self.leaving()
            self.ended.append(key)

    def of(self, key: CallKey) -> list[LogMessage]:
        return [message for whose, message in self.seen if whose == key]


@asynccontextmanager
async def dispatching() -> AsyncIterator[tuple[FakeConsumer, Calls]]:
    consumer = FakeConsumer()
    calls = Calls(consumer)
    running = asyncio.create_task(Dispatcher(consumer, calls.run).run())
    consumer.give(Assigned("p"))
    try:
        yield consumer, calls
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert consumer.told[-1] == "closed"
    assert sorted(calls.runs) == sorted(calls.ended)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def mark(number: int) -> Finalize:
    return Finalize(1, number)


async def test_each_call_sees_its_own_messages_in_order() -> None:
    async with dispatching() as (consumer, calls):
        for number in range(6):
            consumer.send(A if number % 2 else B, mark(number))
        await settle()
        assert calls.of(A) == [mark(1), mark(3), mark(5)]
        assert calls.of(B) == [mark(0), mark(2), mark(4)]
        assert calls.runs == [B, A]


async def test_what_comes_after_the_end_is_looked_at_again() -> None:
    async with dispatching() as (consumer, calls):
        consumer.send(A, Close(1, 0))
        await settle()
        consumer.send(A, mark(7))
        await settle()
        assert calls.runs == [A, A]
        assert calls.of(A) == [Close(1, 0), mark(7)]


async def test_a_partition_opens_only_when_the_last_full_inbox_has_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "_FULL_BYTES", 1_000)
    monkeypatch.setattr(inbox, "_ROOM_AGAIN_BYTES", 500)
    gates = {A: asyncio.Event(), B: asyncio.Event()}
    consumer = FakeConsumer()

    async def run(key: CallKey, box: Inbox) -> Fate:
        await gates[key].wait()
        await box.take(1 << 20)
        return Fate.OVER

    running = asyncio.create_task(Dispatcher(consumer, run).run())
    consumer.give(Assigned("p"))
    for key in (A, B):
        for at in range(3):
            consumer.send(key, AudioChunk(1, at * 400, 8_000, 1, bytes(800)))
    await settle()
    assert consumer.told == ["pause p"]
    gates[A].set()
    await settle()
    assert consumer.told == ["pause p"]
    gates[B].set()
    await settle()
    assert consumer.told == ["pause p", "resume p"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_call_that_was_taken_is_left_alone_until_its_partition_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "_FIRST_REWIND_S", 0.01)
    async with dispatching() as (consumer, calls):
        calls.fate = lambda key: Fate.TAKEN if key == A else Fate.OVER
        consumer.send(A, Close(1, 0))
        await settle()
        unreleased = [consumer.send(A, mark(1)), consumer.send(A, mark(2))]
        consumer.send(B, mark(3))
        await asyncio.sleep(0.05)
        assert consumer.told == ["rewind p"]
        assert calls.of(A) == [Close(1, 0)]
        assert calls.of(B) == [mark(3)]
        assert not set(unreleased) & set(consumer.released)
        consumer.give(Revoked("p"), Assigned("p"))
        consumer.send(A, mark(1))
        await settle()
        assert calls.of(A) == [Close(1, 0), mark(1)]


async def test_calls_that_are_taken_again_and_again_are_fought_for_ever_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "_FIRST_REWIND_S", 0.01)
    async with dispatching() as (consumer, calls):
        calls.fate = lambda key: Fate.TAKEN
        loop = asyncio.get_running_loop()
        waits: list[float] = []
        for number in range(1, 5):
            began = loop.time()
            consumer.send(A, Close(1, 0))
            while consumer.told.count("rewind p") < number:
                await asyncio.sleep(0.001)
            waits.append(loop.time() - began)
            consumer.give(Revoked("p"), Assigned("p"))
        assert [wait >= 0.01 * 2**number for number, wait in enumerate(waits)] == [True] * 4


async def test_a_partition_that_comes_back_waits_for_the_tasks_of_its_last_stay() -> None:
    async with dispatching() as (consumer, calls):
        may_leave = asyncio.Event()
        calls.leaving = may_leave.wait  # type: ignore[assignment]
        consumer.send(A, mark(1))
        await settle()
        consumer.give(Revoked("p"), Assigned("p"))
        consumer.send(A, mark(1))
        await settle()
        assert calls.runs == [A]
        may_leave.set()
        await settle()
        assert calls.runs == [A, A]
        assert calls.of(A) == [mark(1), mark(1)]


async def test_a_call_never_runs_twice_at_once_however_often_its_partition_comes_back() -> None:
    consumer = FakeConsumer()
    may_leave = asyncio.Event()
    at_once = most = 0

    async def run(key: CallKey, box: Inbox) -> Fate:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            while True:
                await box.take(1 << 20)
        finally:
            await may_leave.wait()
            at_once -= 1

    running = asyncio.create_task(Dispatcher(consumer, run).run())
    for _ in range(4):
        consumer.give(Assigned("p"))
        consumer.send(A, mark(1))
        await settle()
        consumer.give(Revoked("p"))
    await settle()
    running.cancel()
    await settle()
    assert not running.done()  # it waits for the first one
    may_leave.set()
    await asyncio.gather(running, return_exceptions=True)
    assert (most, at_once) == (1, 0)


async def test_what_is_not_ours_is_set_aside_and_holds_nobody_up() -> None:
    async with dispatching() as (consumer, calls):
        foreign = [consumer.send(A, b"{}"), consumer.send(B, b""), consumer.send(B, b"\x63" * 40)]
        consumer.send(B, mark(1))
        await settle()
        assert set(foreign) <= set(consumer.released)
        assert calls.seen == [(B, mark(1))]
        assert consumer.foreign.count == 3


async def test_a_call_that_broke_is_let_pass_for_the_sake_of_the_others() -> None:
    async with dispatching() as (consumer, calls):
        calls.fate = lambda key: Fate.BROKEN if key == A else Fate.OVER
        consumer.send(A, Close(1, 0))
        await settle()
        passed = consumer.send(A, mark(2))
        consumer.send(B, mark(3))
        await settle()
        assert calls.of(A) == [Close(1, 0)]
        assert passed in consumer.released
        assert calls.of(B) == [mark(3)]


async def test_draining_ends_at_the_close_or_when_nothing_comes() -> None:
    consumer = FakeConsumer()
    ended: list[bool] = []

    async def run(key: CallKey, box: Inbox) -> Fate:
        ended.append(await drain(consumer, box, idle_s=0.02))
        return Fate.OVER

    running = asyncio.create_task(Dispatcher(consumer, run).run())
    consumer.give(Assigned("p"))
    consumer.send(A, mark(1))
    await asyncio.sleep(0.06)
    assert ended == [False]
    consumer.send(A, mark(2))
    consumer.send(A, Close(1, 2))
    await settle()
    assert ended == [False, True]
    assert consumer.released == [0, 1, 2]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

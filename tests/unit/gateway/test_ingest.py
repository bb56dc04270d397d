"""Ingest: what is acknowledged lies in the broker, with everything before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from twicetold.broker import Topic
from twicetold.errors import DiskFull, SwapLost, TwicetoldError, Unavailable
from twicetold.gateway.ingest import Ingest, ack_interval_s
from twicetold.gateway.intake import ContainerIntake, Intake, SampleIntake
from twicetold.gateway.live_protocol import LiveRequest
from twicetold.sessions import State
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("default", "call-1")
PCM = bytes(6_400)


class FakeBroker:
    """A test double: whoever publishes waits until the test says how it went."""

    def __init__(self) -> None:
        self.handed: list[asyncio.Future[None]] = []

    def publish(self, topic: Topic, key: CallKey, value: bytes) -> Awaitable[None]:
        self.handed.append(asyncio.get_running_loop().create_future())
        return self.handed[-1]


class FakeSessions:
    """A test double: keeps the positions that were written; may be away, or lose its answers."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.changes: list[Any] = []
        self.away = 0  # swaps that do not arrive
        self.unanswered = 0  # swaps that do, and are not answered
        self.state, self.epoch = State.OPEN, 1

    async def swap(self, key: CallKey, expected: Any, changes: Any) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("away, says the test")
        if expected["epoch"] != self.epoch or expected["state"] is not self.state:
            raise SwapLost("another's, says the test")
        self.state = changes.get("state", self.state)
        self.positions.append(changes["next_seq"])
        self.changes.append(changes)
        if self.unanswered:
            self.unanswered -= 1
            raise Unavailable("no answer, says the test")

    async def load(self, key: CallKey) -> Any:
        return SimpleNamespace(state=self.state, epoch=self.epoch)


class FakeStream:
    """A test double: a container whose bytes are its PCM."""

    async def feed(self, audio: bytes) -> bytes:
        return audio

    async def finish(self) -> bytes:
        return b""

    async def aclose(self) -> None:
        """Nothing to give back."""


class KeepingBroker(FakeBroker):
    """A test double: takes everything at once."""

    def publish(self, topic: Topic, key: CallKey, value: bytes) -> Awaitable[None]:
        taken = super().publish(topic, key, value)
        self.handed[-1].set_result(None)
        return taken


class Desk:
    """An ingest between its doubles."""

    def __init__(self, intake: Intake | None = None) -> None:
        self.broker, self.sessions = FakeBroker(), FakeSessions()
        self.acks: list[int] = []
        self.lost: list[TwicetoldError] = []
        self.ingest = Ingest(
            self.broker,  # type: ignore[arg-type]
            self.sessions,  # type: ignore[arg-type]
            KEY,
            epoch=1,
            next_seq=0,
            next_sample=0,
            channels=1,
            intake=intake or SampleIntake(LiveRequest.parse({"call_id": "call-1"}, "en")),
            lease_s=15.0,
            live_calls=lambda: 1,
            on_ack=self.acks.append,
            on_lost=self.lost.append,
        )


async def until(happened: Callable[[], bool]) -> None:
    """However busy the machine is."""
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(0.01)


async def test_acks_follow_the_position_and_the_position_the_broker() -> None:
    desk = Desk()
    for seq in range(3):
        await desk.ingest.feed(seq, PCM)
    for done in desk.broker.handed[:2]:
        done.set_result(None)
    await until(lambda: bool(desk.acks))
    assert desk.sessions.positions == [2]
    assert desk.acks == [1]
    assert desk.ingest.published == 6_400
    desk.broker.handed[2].set_result(None)
    await until(lambda: desk.acks == [1, 2])
    desk.ingest.close()


async def test_nothing_behind_a_hole_counts() -> None:
    desk = Desk()
    for seq in range(3):
        await desk.ingest.feed(seq, PCM)
    desk.broker.handed[0].set_result(None)
    desk.broker.handed[1].set_exception(DiskFull("full, says the test"))
    desk.broker.handed[2].set_result(None)
    await until(lambda: bool(desk.lost))
    assert [type(error) for error in desk.lost] == [DiskFull]
    assert desk.ingest.published == 3_200
    assert desk.acks == []
    with pytest.raises(DiskFull):
        await desk.ingest.feed(3, PCM)
    desk.ingest.close()


async def test_a_call_waits_for_a_store_that_is_away_and_goes_on() -> None:
    desk = Desk()
    desk.sessions.away = 2
    await desk.ingest.feed(0, PCM)
    desk.broker.handed[0].set_result(None)
    await until(lambda: desk.acks == [0])
    assert desk.lost == []
    desk.ingest.close()


async def test_a_lease_that_is_half_gone_is_renewed_before_anything_is_published() -> None:
    desk = Desk()
    desk.sessions.away = 2
    desk.ingest.renewed_at -= 10
    feeding = asyncio.create_task(desk.ingest.feed(0, PCM))
    await asyncio.sleep(0.05)
    assert desk.broker.handed == []
    assert desk.ingest.feeding_since is not None
    await asyncio.wait_for(feeding, 5)
    assert len(desk.broker.handed) == 1
    assert desk.ingest.feeding_since is None
    desk.ingest.close()


@pytest.mark.parametrize("taken", [False, True])
async def test_a_stop_whose_answer_was_lost_is_said_once_unless_the_call_was_taken(
    taken: bool,
) -> None:
    desk = Desk()
    desk.sessions.unanswered = 1
    stopping = asyncio.create_task(desk.ingest.stop(0))
    await asyncio.sleep(0.05)
    assert desk.sessions.state is State.CLOSING
    if taken:
        desk.sessions.epoch = 2
        with pytest.raises(SwapLost):
            await asyncio.wait_for(stopping, 5)
        return
    while not desk.broker.handed:
        await asyncio.sleep(0.01)
    desk.broker.handed[0].set_result(None)
    await asyncio.wait_for(stopping, 5)
    assert len(desk.broker.handed) == 1


async def test_a_stop_waits_for_everything_and_not_for_the_last_alone() -> None:
    desk = Desk()
    for seq in range(2):
        await desk.ingest.feed(seq, PCM)
    stopping = asyncio.create_task(desk.ingest.stop(1))
    await asyncio.sleep(0)
    desk.broker.handed[1].set_result(None)
    await asyncio.sleep(0.05)
    assert desk.sessions.state is State.OPEN
    desk.broker.handed[0].set_exception(Unavailable("refused, says the test"))
    with pytest.raises(Unavailable):
        await asyncio.wait_for(stopping, 5)
    assert desk.sessions.state is State.OPEN
    assert desk.acks == []


async def test_a_pause_waits_for_nobody() -> None:
    desk = Desk()
    await asyncio.wait_for(desk.ingest.pause(), 10)
    assert len(desk.broker.handed) == 1
    desk.ingest.close()


async def test_a_message_without_sound_is_acknowledged_with_the_one_before() -> None:
    desk = Desk()
    await desk.ingest.feed(0, PCM)
    await desk.ingest.feed(1, b"")
    desk.broker.handed[0].set_result(None)
    await until(lambda: desk.acks == [1])
    desk.ingest.close()


@pytest.mark.parametrize(
    ("calls", "seconds"), [(1, 0.25), (50, 0.25), (100, 0.5), (200, 1.0), (5_000, 1.0)]
)
def test_many_calls_write_their_positions_less_often(calls: int, seconds: float) -> None:
    assert ack_interval_s(calls) == pytest.approx(seconds)


async def test_who_says_a_thousand_times_that_they_have_finished_is_heard_once() -> None:
    desk = Desk()
    for _ in range(1_000):
        await desk.ingest.finalize()
    assert len(desk.broker.handed) == 1
    await desk.ingest.feed(0, PCM)
    await desk.ingest.finalize()
    await desk.ingest.pause()
    assert len(desk.broker.handed) == 4
    desk.ingest.close()


# --- containers ------------------------------------------------------------------------------


def container_desk() -> Desk:
    desk = Desk(ContainerIntake(FakeStream(), 1))  # type: ignore[arg-type]
    desk.broker = KeepingBroker()
    desk.ingest._broker = desk.broker  # type: ignore[assignment]
    return desk


@pytest.mark.parametrize(
    ("silent_s", "gap_s"), [(0.0, 0.0), (0.4, 0.4), (4.9, 4.9), (600.0, 5.0), (-30.0, 0.0)]
)
async def test_a_gap_is_as_long_as_nothing_was_heard_and_never_long(
    silent_s: float, gap_s: float
) -> None:
    began = time.time()  # before there is a connection: where nothing is lost, it begins then
    desk = container_desk()
    assert await desk.ingest.fill_gap(began - silent_s, left=True) == 0.0
    took_s = time.time() - began
    assert gap_s - 0.001 <= desk.ingest.sample / 16_000 <= min(gap_s + took_s + 0.001, 5.0)
    noted = desk.sessions.changes[-1]
    assert noted["next_sample"] == desk.ingest.sample
    assert noted["heard_ms"] >= int(began * 1000)  # so the next gap begins here
    desk.ingest.close()


async def test_a_connection_that_has_not_left_is_waited_for() -> None:
    desk = container_desk()
    began = time.time()
    await desk.ingest.fill_gap(began, left=False)
    assert 0.7 <= desk.ingest.sample / 16_000 <= time.time() - began
    desk.ingest.close()


async def test_what_comes_faster_than_the_clock_is_noted_as_it_goes() -> None:
    """Whoever goes on from the position lays no more silence than time has passed."""
    desk = container_desk()
    await desk.ingest.feed(0, bytes(32_000 * 10))
    beyond = desk.ingest.sample - desk.sessions.changes[-1]["next_sample"]
    assert desk.ingest.sample == 160_000
    assert beyond <= 0.5 * 16_000
    desk.ingest.close()


async def test_a_client_that_left_leaves_no_sound_beyond_the_position() -> None:
    desk = container_desk()
    began = time.time()
    await desk.ingest.feed(0, bytes(6_400))  # too few messages to be acknowledged
    await desk.ingest.leave()
    last = desk.sessions.changes[-1]
    assert (last["next_seq"], last["next_sample"], last["lease_s"]) == (0, 3_200, 0.0)
    assert last["gateway"] == ""
    assert int(began * 1000) <= last["heard_ms"] <= time.time() * 1000 + 1
    desk.ingest.close()

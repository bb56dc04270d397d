"""The embedded broker on real files: bounds, the switch between memory and files, forgetting."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
import tracemalloc
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tree import below

from twicetold.broker import Assigned, Consumer, Delivery, Group, Revoked, Topic
from twicetold.broker.file import broker as broker_module
from twicetold.broker.file import syncer as syncer_module
from twicetold.broker.file.broker import FileBroker
from twicetold.broker.file.consumer import FileConsumer, Limits
from twicetold.errors import BadIdentifier, CorruptLog, Overloaded, Unavailable
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.integration

KEY = CallKey("acme", "call-1")
OTHER = CallKey("acme", "call-2")
PATIENCE_S = 20.0


@contextlib.asynccontextmanager
async def running(
    directory: Path, *, segment_bytes: int = 1 << 24, limits: Limits | None = None
) -> AsyncIterator[FileBroker]:
    broker = FileBroker(directory, segment_bytes=segment_bytes, limits=limits)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.aclose()


def message(number: int, size: int = 6400) -> bytes:
    return f"{number:012d}".encode() * (size // 12)


async def deliveries(consumer: Consumer, wanted: int, *, release: bool = False) -> list[Delivery]:
    found: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < wanted:
            found += [item for item in await consumer.receive() if isinstance(item, Delivery)]
    for delivery in found if release else ():
        consumer.release(delivery)
    return found


def names_below(directory: Path) -> list[str]:
    return [path.name for path in below(directory)]


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*.log"))


# --- bounds --------------------------------------------------------------------------


async def test_a_consumer_that_does_not_keep_up_holds_little_and_gets_everything(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as broker:
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        assert isinstance(consumer, FileConsumer)
        await broker.publish(Topic.AUDIO, KEY, message(0))
        tracemalloc.start()
        try:
            for number in range(1, 3000):
                written = broker.publish(Topic.AUDIO, KEY, message(number))
                if number % 100 == 0:
                    await written
            await written
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 4 * 1024 * 1024  # of 19 MB
        found = await deliveries(consumer, 3000, release=True)
        assert [each.value for each in found] == [message(number) for number in range(3000)]


async def test_many_partitions_that_nobody_receives_share_one_bound(tmp_path: Path) -> None:
    limits = Limits(tail_bytes=50_000, held_bytes=100_000)
    keys = [CallKey("acme", f"call-{number}") for number in range(20)]
    async with running(tmp_path, limits=limits) as broker:
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        assert isinstance(consumer, FileConsumer)
        for number in range(10):
            await asyncio.gather(
                *[broker.publish(Topic.AUDIO, key, message(number)) for key in keys]
            )
            assert consumer._tail_bytes <= 100_000
        found = await deliveries(consumer, 200)
        for key in keys:
            numbers = [int(each.value[:12]) for each in found if each.key == key]
            assert numbers == list(range(10))
        assert consumer._tail_bytes == 0


async def test_the_disk_held_by_an_endless_call_stays_bounded(tmp_path: Path) -> None:
    segment_bytes = 64 * 1024
    async with running(tmp_path, segment_bytes=segment_bytes) as broker:
        groups = [broker.consume(Topic.AUDIO, group) for group in Group]
        finals = broker.consume(Topic.FINALS, Group.RECORD)
        await broker.publish(Topic.FINALS, KEY, b"a final at the very start")
        await deliveries(finals, 1, release=True)
        for _ in range(2):
            for number in range(100):
                await broker.publish(Topic.AUDIO, KEY, message(number))
            for consumer in groups:
                await deliveries(consumer, 100, release=True)
            await asyncio.sleep(1.1)  # positions are saved once a second
            assert size_of(tmp_path) <= 2 * segment_bytes
    async with running(tmp_path) as broker:
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await broker.publish(Topic.AUDIO, KEY, b"next")
        assert [each.value for each in await deliveries(consumer, 1)] == [b"next"]


async def test_a_group_that_did_not_release_keeps_the_log(tmp_path: Path) -> None:
    async with running(tmp_path, segment_bytes=64 * 1024) as broker:
        live = broker.consume(Topic.AUDIO, Group.LIVE)
        for number in range(60):
            await broker.publish(Topic.AUDIO, KEY, message(number))
        await deliveries(live, 60, release=True)
    async with running(tmp_path) as broker:
        found = await deliveries(broker.consume(Topic.AUDIO, Group.RECORD), 60)
        assert [each.value for each in found] == [message(number) for number in range(60)]


async def test_too_much_waiting_for_the_writer_is_refused_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, limits=Limits(pending_bytes=1000)) as broker:
        kept = [broker.publish(Topic.AUDIO, KEY, bytes(400)) for _ in range(2)]
        with pytest.raises(Overloaded):
            broker.publish(Topic.AUDIO, KEY, bytes(400))
        await asyncio.gather(*kept)
        await broker.publish(Topic.AUDIO, KEY, bytes(400))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
async def test_open_files_stay_bounded(tmp_path: Path) -> None:
    keys = [CallKey("acme", f"call-{number}") for number in range(40)]
    limits = Limits(open_files=4)
    async with running(tmp_path, segment_bytes=1000, limits=limits) as broker:
        before = open_descriptors()
        for number in range(5):
            await asyncio.gather(
                *[broker.publish(Topic.AUDIO, key, message(number, 600)) for key in keys]
            )
        assert open_descriptors() <= before + 4 + 2  # and what is being read
        found = await deliveries(broker.consume(Topic.AUDIO, Group.LIVE), 200)
    for key in keys:
        assert [each.value for each in found if each.key == key] == [
            message(number, 600) for number in range(5)
        ]


async def test_a_slow_disk_sync_does_not_delay_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncing, go_on = threading.Event(), threading.Event()

    def sync(descriptor: int) -> None:
        syncing.set()
        go_on.wait(PATIENCE_S)

    monkeypatch.setattr(syncer_module, "_sync_data", sync)
    broker = FileBroker(tmp_path, fsync_interval_s=0.01)
    await broker.start()
    try:
        await broker.publish(Topic.AUDIO, KEY, b"first")
        assert await asyncio.to_thread(syncing.wait, PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S / 2):
            for number in range(20):
                await broker.publish(Topic.AUDIO, KEY, message(number))
        assert not go_on.is_set()
    finally:
        go_on.set()
        await broker.aclose()


# --- the switch between memory and files ---------------------------------------------

STEPS = (
    "publish",
    "publish many",
    "publish final",
    "receive",
    "pause",
    "resume",
    "yield",
    "wait",
    "release",
    "rejoin",
    "restart",
)
steps = st.lists(st.sampled_from(STEPS), min_size=5, max_size=40)


class Follower:
    """A live consumer that is driven by a script and checks all it is given."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.published = 0
        self.next = 0  # the number expected next
        self.held: list[Delivery] = []

    async def open(self) -> None:
        limits = Limits(tail_bytes=300, held_bytes=1000, read_bytes=200)
        self.broker = FileBroker(
            self.directory, segment_bytes=500, write_interval_s=0.0005, limits=limits
        )
        await self.broker.start()
        self.join()

    def join(self) -> None:
        self.consumer = self.broker.consume(Topic.AUDIO, Group.LIVE)
        if self.held:  # what was not released is repeated
            self.next = int(self.held[0].value[:12])
            self.held.clear()

    def publish(self) -> None:
        self.broker.publish(
            Topic.AUDIO, KEY, message(self.published, 12 * (self.published % 9 + 1))
        )
        self.published += 1

    async def receive(self, patience_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            for item in await asyncio.wait_for(self.consumer.receive(), patience_s):
                if isinstance(item, Delivery):
                    assert int(item.value[:12]) == self.next
                    assert item.value == message(self.next, 12 * (self.next % 9 + 1))
                    self.next += 1
                    self.held.append(item)

    async def step(self, step: str) -> None:
        match step:
            case "publish":
                self.publish()
            case "publish many":
                for _ in range(12):
                    self.publish()
            case "publish final":
                self.broker.publish(Topic.FINALS, KEY, b"between the audio")
            case "receive":
                await self.receive(0.002)
            case "pause":
                self.consumer.pause(str(KEY))
            case "resume":
                self.consumer.resume(str(KEY))
            case "yield":
                await asyncio.sleep(0)
            case "wait":
                await asyncio.sleep(0.003)
            case "release":
                for delivery in self.held[: len(self.held) // 2 + 1]:
                    self.consumer.release(delivery)
                del self.held[: len(self.held) // 2 + 1]
            case "rejoin":
                await self.consumer.aclose()
                self.join()
            case "restart":
                await self.broker.aclose()
                await self.open()

    async def run(self, script: list[str]) -> None:
        await self.open()
        try:
            for step in script:
                await self.step(step)
            self.consumer.resume(str(KEY))
            async with asyncio.timeout(PATIENCE_S):
                while self.next < self.published:
                    await self.receive(PATIENCE_S)
        finally:
            await self.broker.aclose()


@settings(max_examples=40, deadline=None)
@given(script=steps)
def test_a_consumer_gets_everything_once_and_in_order_whatever_it_does(script: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(Follower(Path(directory)).run(script))


async def test_a_consumer_goes_from_files_to_memory_while_writing_goes_on(tmp_path: Path) -> None:
    """Late by some megabytes, and never a pause in what is published."""
    async with running(tmp_path) as broker:
        for number in range(500):
            written = broker.publish(Topic.AUDIO, KEY, message(number))
        await written
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        stop = asyncio.Event()

        async def publish_on() -> int:
            number = 500
            while not stop.is_set():
                await broker.publish(Topic.AUDIO, KEY, message(number))
                number += 1
            return number

        publishing = asyncio.create_task(publish_on())
        found = await deliveries(consumer, 800, release=True)
        stop.set()
        published = await publishing
        found += await deliveries(consumer, published - len(found))
        assert [int(each.value[:12]) for each in found] == list(range(published))
        subscription = broker._partitions[KEY].subscriptions[0]
        assert subscription is not None
        assert not subscription.behind  # it has caught up: the files are read no more


@pytest.mark.parametrize("leave", ["forget", "pause"])
async def test_leaving_a_call_that_is_being_read_lets_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave: str
) -> None:
    reading, go_on = threading.Event(), threading.Event()
    read_records = broker_module.read_records

    def read_slowly(directory: Path, *rest: Any) -> Any:
        found = read_records(directory, *rest)
        if directory.name == KEY.call_id:
            reading.set()
            go_on.wait(PATIENCE_S)
        return found

    monkeypatch.setattr(broker_module, "read_records", read_slowly)
    async with running(tmp_path) as broker:
        for key in (KEY, OTHER):
            await broker.publish(Topic.AUDIO, key, message(1))
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        assert await asyncio.to_thread(reading.wait, PATIENCE_S)
        if leave == "forget":
            await broker.forget(KEY)
        else:
            consumer.pause(str(KEY))
        go_on.set()
        assert [each.key for each in await deliveries(consumer, 1)] == [OTHER]
        consumer.resume(str(KEY))
        if leave == "pause":
            assert [each.key for each in await deliveries(consumer, 1)] == [KEY]


async def test_a_second_member_waits_until_the_first_one_closes(tmp_path: Path) -> None:
    async with running(tmp_path) as broker:
        first, second = (broker.consume(Topic.AUDIO, Group.LIVE) for _ in range(2))
        for number in range(3):
            await broker.publish(Topic.AUDIO, KEY, message(number))
        found = await deliveries(first, 3)
        first.release(found[0])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(second.receive(), 0.05)
        await first.aclose()
        assert [each.value for each in await deliveries(second, 2)] == [message(1), message(2)]


# --- forgetting, and names -----------------------------------------------------------


async def test_forget_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    async with running(tmp_path) as broker:
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        for key in (KEY, OTHER):
            await broker.publish(Topic.AUDIO, key, b"words")
        await deliveries(consumer, 2, release=True)
        await broker.forget(KEY)
        assert [path.name for path in (tmp_path / "acme").iterdir()] == ["call-2"]
        await broker.forget(OTHER)
        assert names_below(tmp_path) == [".forgotten"]


async def test_closing_in_the_middle_of_forgetting_finishes_both(tmp_path: Path) -> None:
    async with running(tmp_path) as broker:
        await broker.publish(Topic.AUDIO, KEY, b"words")
        forgetting = asyncio.create_task(broker.forget(KEY))
        await asyncio.sleep(0)
        await broker.aclose()
        await asyncio.wait_for(forgetting, PATIENCE_S)
    assert names_below(tmp_path) == [".forgotten"]


async def test_forget_in_the_middle_of_publishing_starts_the_call_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as broker:
        for round_number in range(30):
            for number in range(3):
                broker.publish(Topic.AUDIO, KEY, message(100 * round_number + number))
            forgetting = asyncio.create_task(broker.forget(KEY))
            await asyncio.sleep(0)
            after = broker.publish(Topic.AUDIO, KEY, message(100 * round_number + 50))
            await asyncio.gather(forgetting, after)
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        assert [each.value for each in await deliveries(consumer, 1)] == [message(2950)]


@pytest.mark.parametrize("key", [CallKey("..", "x"), CallKey("a", "../../x"), CallKey("a", "")])
async def test_a_name_that_tries_to_be_a_path_is_refused(tmp_path: Path, key: CallKey) -> None:
    async with running(tmp_path / "in" / "side") as broker:
        with pytest.raises(BadIdentifier):
            broker.publish(Topic.AUDIO, key, b"x")
        with pytest.raises(BadIdentifier):
            await broker.forget(key)
    assert names_below(tmp_path) == ["in", "side", ".forgotten"]


async def test_what_is_not_ours_in_the_directory_is_left_alone(tmp_path: Path) -> None:
    notes = tmp_path / "acme" / "call-1" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    (tmp_path / "README").write_text("mine")
    async with running(tmp_path) as broker:
        await broker.publish(Topic.AUDIO, KEY, b"x")
    async with running(tmp_path) as broker:
        found = await deliveries(broker.consume(Topic.AUDIO, Group.LIVE), 1)
    assert [each.value for each in found] == [b"x"]
    assert notes.read_text() == "mine"


# --- the rest ------------------------------------------------------------------------


async def test_segments_follow_on_each_other(tmp_path: Path) -> None:
    async with running(tmp_path, segment_bytes=10_000) as broker:
        for number in range(10):
            await broker.publish(Topic.AUDIO, KEY, message(number))
    logs = sorted((tmp_path / "acme" / "call-1").glob("*.log"))
    assert len(logs) == 5
    for one, following in pairwise(logs):
        assert int(one.stem) + one.stat().st_size == int(following.stem)


async def test_a_log_that_is_damaged_while_the_server_runs_harms_only_its_call(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as broker:
        for number in range(4):
            await broker.publish(Topic.AUDIO, KEY, message(number))
            await broker.publish(Topic.AUDIO, OTHER, message(number))
        (log,) = (tmp_path / "acme" / "call-1").glob("*.log")
        with log.open("r+b") as file:
            file.seek(2 * 6409 + 100)
            file.write(b"damage")
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        items: list[Assigned | Delivery | Revoked] = []
        async with asyncio.timeout(PATIENCE_S):
            while sum(isinstance(item, Delivery) and item.key == OTHER for item in items) < 4 or (
                Revoked(str(KEY)) not in items
            ):
                items += await consumer.receive()
        good = [item.value for item in items if isinstance(item, Delivery) and item.key == KEY]
        assert good == [message(0), message(1)]
        with pytest.raises(CorruptLog, match=log.name):
            await broker.publish(Topic.AUDIO, KEY, b"more")
        await broker.publish(Topic.AUDIO, OTHER, b"goes on")


async def test_a_broker_that_is_not_running_refuses(tmp_path: Path) -> None:
    broker = FileBroker(tmp_path)
    with pytest.raises(Unavailable):
        broker.publish(Topic.AUDIO, KEY, b"too early")
    await broker.start()
    await broker.aclose()
    await broker.aclose()
    with pytest.raises(Unavailable):
        broker.publish(Topic.AUDIO, KEY, b"too late")
    assert await broker.consume(Topic.AUDIO, Group.LIVE).receive() == []
    assert await broker.listen(Topic.CAPTIONS).receive() == []

"""The embedded broker: an append-only file per call, for one process on one machine.

The event loop never touches the disk: one thread writes (``file_writer``), one syncs
(``file_syncer``), a small pool reads what consumers could not be given from memory and
saves positions (``file_keeper``). A killed process loses nothing whose ``publish`` was
awaited; a power cut at most the last second. A group has one member at a time; who joins
after it waits until it closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections import deque
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path

import structlog

from twicetold.broker import Broker, Consumer, Delivery, Group, Listener, Topic
from twicetold.broker.file.consumer import FileConsumer, Found, Limits
from twicetold.broker.file.keeper import Keeper
from twicetold.broker.file.listener import FileListener, Following
from twicetold.broker.file.partition import Failure, Partition, Receipt
from twicetold.broker.file.positions import SLOTS
from twicetold.broker.file.records import RECORD_BYTES, TOPIC_BYTES, TOPICS, read_records
from twicetold.broker.file.scan import TRASH, scan
from twicetold.broker.file.segments import OpenSegments
from twicetold.broker.file.syncer import Syncer
from twicetold.broker.file.writer import FORGET, NOT_WRITTEN, Entry, Outcome, Writer
from twicetold.descriptors import exhausted
from twicetold.errors import DiskFull, Overloaded, Unavailable
from twicetold.speech.identity import CallKey

_log = structlog.get_logger()

_CAPTIONS = Topic.CAPTIONS
_READ_THREADS = 2
_SLOTS_OF = {
    number: tuple(slot for slot, (of, _) in enumerate(SLOTS) if of is topic)
    for number, topic in TOPICS.items()
}
_AFTER_ALL_FAILURES = 1 << 62


class FileBroker(Broker):
    """A log under ``directory``, used from the event loop that awaits ``start``."""

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = 16 * 1024 * 1024,
        write_interval_s: float = 0.005,
        fsync_interval_s: float = 1.0,
        limits: Limits | None = None,
    ) -> None:
        self._root = directory
        self._limits = limits or Limits()
        self._partitions: dict[CallKey, Partition] = {}
        self._members: list[deque[FileConsumer]] = [deque() for _ in SLOTS]
        self._listeners: set[FileListener] = set()
        self._following = Following()
        self._pool = ThreadPoolExecutor(_READ_THREADS, thread_name_prefix="broker-read")
        self._keeper = Keeper(self._pool)
        self._syncer = Syncer(directory, self._sync_failed, interval_s=fsync_interval_s)
        segments = OpenSegments(
            self._syncer, segment_bytes=segment_bytes, open_files=self._limits.open_files
        )
        self._writer = Writer(segments, self._settle, interval_s=write_interval_s)
        self._pending_bytes = 0
        self._base = 0  # calls made anew after ``forget`` begin behind every position used before
        self._trash_numbers = count(time.time_ns())
        self._removals: set[asyncio.Task[None]] = set()
        self._started = self._closed = False

    async def start(self) -> None:
        """Verify what is on the disk. Raises CorruptLog naming the file, touching nothing."""
        self._loop = asyncio.get_running_loop()
        self._delivered: asyncio.Future[None] = self._loop.create_future()
        self._delivered.set_result(None)  # one for all captions: they are never waited for
        try:
            found = await self._loop.run_in_executor(self._pool, self._open_directory)
        except OSError:
            self._pool.shutdown(wait=False)
            raise
        self._partitions = {partition.key: partition for partition in found}
        self._syncer.start()
        self._writer.start()
        self._started = True

    def _open_directory(self) -> list[Partition]:
        self._root.mkdir(parents=True, exist_ok=True)
        found = scan(self._root)
        shutil.rmtree(self._root / TRASH, ignore_errors=True)
        (self._root / TRASH).mkdir(exist_ok=True)
        return found

    # --- the port --------------------------------------------------------------

    async def check(self) -> None:
        if not self._started or self._closed:
            raise Unavailable("The broker is not running.", "The server is starting or stopping.")

    def publish(self, topic: Topic, key: CallKey, value: bytes) -> Awaitable[None]:
        """Write, as the port says. Raises Overloaded at once while too much waits for the disk.

        After a write that failed, every ``publish`` to that call and topic fails as well,
        until the failure was seen by someone awaiting one: no hole goes unnoticed.
        """
        if not self._started or self._closed:
            raise Unavailable("The broker is not running.", "The server is starting or stopping.")
        if not isinstance(value, bytes):
            raise TypeError(f"expected bytes to publish but got {type(value).__name__}")
        if topic is _CAPTIONS:
            self._following.deliver(topic, key, value)
            return self._delivered
        receipt = Receipt(loop=self._loop)
        partition = self._partitions.get(key) or self._new_partition(key)
        if partition.failures and (failure := partition.admit(topic)) is not None:
            receipt.fail(failure)
            return receipt
        if self._pending_bytes + len(value) > self._limits.pending_bytes:
            raise Overloaded("Too much audio waits to be written to the disk.")
        self._pending_bytes += len(value)
        self._writer.submit(
            Entry(partition, TOPIC_BYTES[topic], value, receipt, partition.generation)
        )
        return receipt

    def consume(self, topic: Topic, group: Group) -> Consumer:
        """Join a group. Raises ValueError where the group does not read the topic."""
        if not self._started:
            raise Unavailable("The broker is not running.", "The server is starting.")
        if (topic, group) not in SLOTS:
            raise ValueError(f"expected a topic that group {group} reads but got {topic}")
        slot = SLOTS.index((topic, group))
        consumer = FileConsumer(
            slot, self._limits, self._read, moved=self._keeper.moved, closed=self._consumer_closed
        )
        if self._closed:
            consumer.close()
            return consumer
        self._members[slot].append(consumer)
        if self._members[slot][0] is consumer:
            self._give_partitions(consumer)
        return consumer

    def listen(self, topic: Topic) -> Listener:
        listener = FileListener(
            topic,
            self._following,
            queue_bytes=self._limits.listener_bytes,
            closed=self._listeners.discard,
        )
        self._listeners.add(listener)
        if self._closed:
            listener.close()
        return listener

    async def forget(self, key: CallKey) -> None:
        """Remove the call's directory and all that is held of it."""
        partition = self._partitions.pop(CallKey.checked(*key), None)
        if partition is None or self._closed:
            return
        partition.forgotten = True
        self._base = max(self._base, partition.end)
        for members in self._members:
            if members:
                members[0].detach(partition)
        partition.trash = self._root / TRASH / str(next(self._trash_numbers))
        receipt = Receipt(loop=self._loop)
        self._writer.submit(Entry(partition, FORGET, b"", receipt, _AFTER_ALL_FAILURES))
        removal = asyncio.create_task(self._remove(partition, receipt))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)
        await asyncio.shield(removal)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._started:
            await self._loop.run_in_executor(self._pool, self._writer.stop)
        if self._removals:
            await asyncio.wait(self._removals)
        for members in self._members:
            while members:
                members[-1].close()
        for listener in list(self._listeners):
            listener.close()
        await self._keeper.flush()
        if self._started:
            await self._loop.run_in_executor(self._pool, self._syncer.stop)
        await asyncio.to_thread(self._pool.shutdown)

    # --- inside ----------------------------------------------------------------

    def _new_partition(self, key: CallKey) -> Partition:
        key = CallKey.checked(*key)
        directory = self._root / key.tenant / key.call_id
        partition = Partition(key, directory, self._base, [self._base] * len(SLOTS))
        self._partitions[key] = partition
        return partition

    def _settle(self, outcomes: list[Outcome]) -> None:
        """In the writer's thread: hand a batch to the event loop."""
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it who waited
            self._loop.call_soon_threadsafe(self._told, outcomes)

    def _told(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.error is not None:
                self._tell_failure(outcome)
            else:
                self._tell_written(outcome.partition, outcome.entries, outcome.positions)

    def _tell_written(
        self, partition: Partition, entries: list[Entry], positions: list[int]
    ) -> None:
        for (_, topic, value, receipt, _), position in zip(entries, positions, strict=True):
            if topic != FORGET:
                self._pending_bytes -= len(value)
                if not partition.forgotten:
                    self._deliver(partition, topic, position, value)
            if not receipt.done():
                receipt.set_result(None)

    def _deliver(self, partition: Partition, topic: int, position: int, value: bytes) -> None:
        if not partition.appeared:
            self._appear(partition, position)
        partition.end = position + RECORD_BYTES + len(value)
        delivery = Delivery(partition.name, position, partition.key, value)
        for slot in _SLOTS_OF[topic]:
            subscription = partition.subscriptions[slot]
            if subscription is not None:
                self._members[slot][0].offer(subscription, delivery)
        self._following.deliver(TOPICS[topic], partition.key, value)

    def _appear(self, partition: Partition, first: int) -> None:
        """Show a new call to the groups: all of them begin at its first record."""
        partition.appeared = True
        partition.end = first
        partition.positions = [first] * len(SLOTS)
        for members in self._members:
            if members:
                members[0].attach(partition)

    def _tell_failure(self, outcome: Outcome) -> None:
        partition, cause = outcome.partition, outcome.error
        assert cause is not None
        for entry, position in zip(outcome.entries, outcome.positions, strict=True):
            if position != NOT_WRITTEN:
                self._tell_written(partition, [entry], [position])
            elif entry.topic == FORGET:
                entry.receipt.fail(Failure(cause, 0))
            else:
                self._pending_bytes -= len(entry.payload)
                failure = Failure(cause, entry.generation)
                entry.receipt.fail(partition.fail(TOPICS[entry.topic], failure))

    def _sync_failed(self, partition: Partition, error: OSError) -> None:
        """In the syncer's thread: what was written may not outlive a power cut."""
        _log.error("broker_sync_failed", call=partition.name, error=error.strerror)
        kept_not = DiskFull(f"The disk did not keep the log of call {partition.name}.")
        cause = exhausted(error) or kept_not
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell_sync_failure, partition, cause)

    def _tell_sync_failure(self, partition: Partition, cause: Unavailable) -> None:
        for topic in TOPIC_BYTES:
            partition.fail(topic, Failure(cause, partition.generation))

    def _read(
        self, partition: Partition, start: int, stop: int, topic: int
    ) -> asyncio.Future[Found]:
        return self._loop.run_in_executor(
            self._pool,
            read_records,
            partition.directory,
            tuple(partition.segments),
            start,
            stop,
            topic,
            self._limits.read_bytes,
        )

    def _give_partitions(self, consumer: FileConsumer) -> None:
        for partition in self._partitions.values():
            if partition.appeared:
                consumer.attach(partition)

    def _consumer_closed(self, consumer: FileConsumer) -> None:
        members = self._members[consumer.slot]
        if consumer not in members:
            return
        was_active = members[0] is consumer
        members.remove(consumer)
        if was_active and members and not self._closed:
            self._give_partitions(members[0])

    async def _remove(self, partition: Partition, moved: Receipt) -> None:
        try:
            await moved
        except Unavailable:  # its directory could not be moved: the call is still there
            partition.forgotten = False
            self._partitions.setdefault(partition.key, partition)
            raise
        remove = partial(shutil.rmtree, partition.trash or "", ignore_errors=True)
        await self._loop.run_in_executor(self._pool, remove)

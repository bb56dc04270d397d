"""One member of a consumer group, in a thread of its own: fetches, commits, comes and goes.

librdkafka calls the rebalance callbacks from ``poll``, in this thread. Stays are numbered: what
was fetched before a rewind, or before a partition left, carries an old number and is dropped by
the feed.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from twicetold.broker import Delivery
from twicetold.broker.feed import Feed
from twicetold.broker.keys import decode_key

_log = structlog.get_logger()

_POLL_S = 0.1
_MOST_AT_ONCE = 500
_CALL_S = 5.0
_UNKNOWN = -1001  # librdkafka's word for a group without a position

Command = Callable[[Consumer], None]


class KafkaMember:
    """``feed`` is the loop's; everything else here is the thread's, but for what says otherwise."""

    def __init__(self, consumer: Consumer, topic: str, feed: Feed) -> None:
        self._consumer, self._topic, self._feed = consumer, topic, feed
        self._loop = asyncio.get_running_loop()
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._stays: dict[int, int] = {}  # partition → number of its stay
        self._expected: dict[int, int] = {}  # partition → next offset
        self._paused: set[int] = set()
        self._choked = False
        self._stopping = False
        self.joined = threading.Event()
        self._thread = threading.Thread(target=self._main, name=f"kafka {topic}", daemon=True)
        self._thread.start()

    # --- from the event loop -------------------------------------------------------

    def name(self, partition: int) -> str:
        return f"{self._topic}-{partition}"

    def number_of(self, name: str) -> int:
        return int(name.rpartition("-")[2])

    def pause(self, name: str) -> None:
        self._commands.put(lambda _: self._pause(self.number_of(name)))

    def resume(self, name: str) -> None:
        self._commands.put(lambda _: self._resume(self.number_of(name)))

    def rewind(self, name: str, number: int, offset: int | None) -> None:
        self._commands.put(lambda _: self._seek(self.number_of(name), number, offset))

    def commit(self, positions: dict[str, int]) -> None:
        offsets = self._offsets(positions)
        self._commands.put(lambda consumer: consumer.commit(offsets=offsets, asynchronous=True))

    async def aclose(self, positions: dict[str, int]) -> None:
        """Commit, leave the group, and end."""
        offsets = self._offsets(positions)
        self._commands.put(lambda _: self._commit_now(offsets))
        self._stopping = True
        await asyncio.to_thread(self._thread.join)

    def _offsets(self, positions: dict[str, int]) -> list[TopicPartition]:
        return [
            TopicPartition(self._topic, self.number_of(name), position)
            for name, position in positions.items()
        ]

    # --- the thread ------------------------------------------------------------------

    def _main(self) -> None:
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        while not self._stopping:
            self._obey()
            self._breathe()
            self._fetch()
        self._obey()
        self._consumer.close()  # says that it leaves

    def _obey(self) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                return
            try:
                command(self._consumer)
            except KafkaException as error:
                # Its partition has just gone, or a commit was too late: nothing that counts.
                _log.info("kafka_command_refused", error=error.args[0].str())

    def _breathe(self) -> None:
        """Fetch nothing while the feed is full, yet answer the group's coordinator."""
        if self._feed.full != self._choked:
            self._choked = not self._choked
            partitions = [p for p in self._stays if p not in self._paused]
            change = self._consumer.pause if self._choked else self._consumer.resume
            change([TopicPartition(self._topic, p) for p in partitions])

    def _fetch(self) -> None:
        """Whatever is there, without waiting for more once there is something."""
        first = self._consumer.poll(_POLL_S)
        if first is None:
            return
        batch: dict[int, list[Delivery]] = {}
        for message in (first, *self._consumer.consume(_MOST_AT_ONCE, 0)):
            self._sort(message, batch)
        if batch:
            numbered = [(self._stays[p], found) for p, found in batch.items() if p in self._stays]
            self._call(self._put, numbered)

    def _put(self, numbered: list[tuple[int, list[Delivery]]]) -> None:
        for number, deliveries in numbered:
            self._feed.put(number, deliveries)

    def _sort(self, message: Message, batch: dict[int, list[Delivery]]) -> None:
        if message.error() is not None:
            self._tell(message.error())
            return
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        if (missing := offset - self._expected.get(partition, offset)) > 0:
            # Retention has run out over them: what they carried is left to the other pass.
            _log.error("messages_expired", partition=self.name(partition), messages=missing)
        self._expected[partition] = offset + 1
        try:
            key = decode_key(message.key())
        except ValueError:
            _log.warning("foreign_message", partition=self.name(partition), position=offset)
            return
        found = batch.setdefault(partition, [])
        found.append(Delivery(self.name(partition), offset, key, message.value() or b""))

    def _tell(self, error: KafkaError | None) -> None:
        if error is not None:
            _log.warning("kafka_fetch_failed", topic=self._topic, error=error.str())

    def _pause(self, partition: int) -> None:
        self._paused.add(partition)
        if partition in self._stays:
            self._consumer.pause([TopicPartition(self._topic, partition)])

    def _resume(self, partition: int) -> None:
        self._paused.discard(partition)
        if partition in self._stays and not self._choked:
            self._consumer.resume([TopicPartition(self._topic, partition)])

    def _seek(self, partition: int, number: int, offset: int | None) -> None:
        if partition not in self._stays:
            return
        self._resume(partition)
        if offset is not None:
            self._consumer.seek(TopicPartition(self._topic, partition, offset))
            self._expected[partition] = offset
        self._stays[partition] = number

    def _commit_now(self, offsets: list[TopicPartition]) -> None:
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=False)

    # --- rebalancing -----------------------------------------------------------------

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.joined.set()
        starts = self._starts(consumer, partitions)
        for each in partitions:
            number = self._stays[each.partition] = self._feed.number()
            start = starts.get(each.partition)
            if start is not None:
                self._expected[each.partition] = start
            self._call(self._feed.assign, self.name(each.partition), number, start)
        consumer.incremental_assign(partitions)
        if self._choked:
            consumer.pause(partitions)

    def _starts(self, consumer: Consumer, partitions: list[TopicPartition]) -> dict[int, int]:
        """The group's positions; what has none begins at the first message there is."""
        try:
            found = consumer.committed(partitions, timeout=_CALL_S)
        except KafkaException:
            return {}  # it is asked again by librdkafka itself
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """In order: what was released is committed before another member reads on."""
        going = {self.name(each.partition) for each in partitions}
        positions = self._ask_for_positions(going)
        with contextlib.suppress(KafkaException):  # then the next one reads a little again
            self._commit_now(self._offsets(positions))
        self._drop(consumer, partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """We were thought dead, and others have them: nothing is committed."""
        _log.warning("partitions_lost", topic=self._topic, partitions=len(partitions))
        self._drop(consumer, partitions)

    def _drop(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._stays.pop(each.partition, None)
            self._expected.pop(each.partition, None)
            self._paused.discard(each.partition)
            self._call(self._feed.revoke, self.name(each.partition))
        with contextlib.suppress(KafkaException):
            consumer.incremental_unassign(partitions)

    def _ask_for_positions(self, names: set[str]) -> dict[str, int]:
        if self._stopping:
            return {}  # committed already

        async def positions() -> dict[str, int]:
            return {n: p for n, p in self._feed.positions().items() if n in names}

        try:
            return asyncio.run_coroutine_threadsafe(positions(), self._loop).result(_CALL_S)
        except (TimeoutError, RuntimeError):
            return {}

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(function, *arguments)

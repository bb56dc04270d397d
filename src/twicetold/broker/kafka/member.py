"""One member of a consumer group, in a thread of its own: fetches, commits, comes and goes.

librdkafka calls the rebalance callbacks from ``poll``, in this thread. Stays are numbered: what
was fetched before a rewind, or before a partition left, carries an old number and is dropped by
the feed; and what the loop asks for in a stay that is over by then is not done.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from twicetold.broker import Delivery, Foreign
from twicetold.broker.feed import Feed
from twicetold.broker.kafka.stays import Positions, Stay, Stays, number_of
from twicetold.broker.threads import described, guarded
from twicetold.errors import Unavailable

_log = structlog.get_logger()

_POLL_S = 0.1
_MOST_AT_ONCE = 500
_CALL_S = 5.0
# Handed to the loop, which has not come to it yet.
_FULL_BYTES = 4 * 1024 * 1024
_ROOM_AGAIN_BYTES = 1024 * 1024
_OVERHEAD_BYTES = 200  # of a message, beside its payload, about

Command = Callable[[], None]


class KafkaMember:
    """``feed`` is the loop's; everything else here is the thread's, but for what says otherwise."""

    def __init__(
        self, consumer: Consumer, topic: str, feed: Feed, failed: Callable[[Unavailable], None]
    ) -> None:
        """``failed`` is called, in the thread, when that ends by an error nobody foresaw."""
        self._consumer, self._topic, self._feed, self._failed = consumer, topic, feed, failed
        self._loop = asyncio.get_running_loop()
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._stays = Stays(topic)
        self._handed_bytes = 0
        self._put_bytes = 0  # of these; the loop's
        self._choked = False
        self._last_words: Positions | None = None  # the loop's
        self._said = False  # these are committed
        self._stopping = False
        self.joined = threading.Event()
        name = f"kafka {topic}"
        self._thread = threading.Thread(
            target=guarded, args=(name, self._serve, self._fail), name=name, daemon=True
        )
        self._thread.start()

    # --- from the event loop: each of these for the stay of that number alone --------

    @property
    def foreign(self) -> Foreign:
        return self._stays.foreign

    def pause(self, name: str, number: int) -> None:
        self._commands.put(partial(self._pause, number_of(name), number))

    def resume(self, name: str, number: int) -> None:
        self._commands.put(partial(self._resume, number_of(name), number))

    def rewind(self, name: str, before: int, number: int, offset: int | None) -> None:
        """End the stay ``before``, and begin ``number`` at the offset (None: with the first)."""
        self._commands.put(partial(self._rewind, number_of(name), before, number, offset))

    def commit(self, positions: Positions) -> None:
        self._commands.put(partial(self._commit, positions))

    async def aclose(self, positions: Positions) -> None:
        """Commit, leave the group, and end."""
        self._last_words = positions
        self._commands.put(partial(self._commit_last, positions))
        self._stopping = True
        await asyncio.to_thread(self._thread.join)

    def _put(self, numbered: dict[int, list[Delivery]], size: int) -> None:
        self._put_bytes += size
        for number, deliveries in numbered.items():
            self._feed.put(number, deliveries)

    def _positions(self) -> Positions:
        return self._feed.stays() if self._last_words is None else self._last_words

    # --- the thread ------------------------------------------------------------------

    def _serve(self) -> None:
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        while not self._stopping:
            self._obey()
            self._seek()
            self._breathe()
            self._fetch()
        self._obey()
        self._consumer.close()  # says that it leaves

    def _fail(self, error: Unavailable) -> None:
        self.joined.clear()
        self._failed(error)
        self._call(self._feed.fail, error)
        try:
            self._consumer.close()  # others go on with its partitions at once
        except Exception as again:  # noqa: BLE001 - they do when its session has ended
            _log.warning("kafka_group_left_unheard", topic=self._topic, **described(again))

    def _obey(self) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                return
            with self._refusable():
                command()

    def _breathe(self) -> None:
        """Fetch nothing while the feed is full, or the loop has not come to what it was given; yet
        answer the group's coordinator."""
        most = _ROOM_AGAIN_BYTES if self._choked else _FULL_BYTES
        choke = self._feed.full or self._handed_bytes - self._put_bytes > most
        if choke == self._choked:
            return
        places = [self._stays.place(p) for p, stay in self._stays.items() if not stay.paused]
        with self._refusable():
            (self._consumer.pause if choke else self._consumer.resume)(places)
            self._choked = choke

    def _fetch(self) -> None:
        """Whatever is there, without waiting for more once there is something."""
        first = self._consumer.poll(_POLL_S)
        if first is None:
            return
        numbered: dict[int, list[Delivery]] = {}
        self._stays.sort(first, numbered)  # before ``consume`` may end its stay
        for message in self._consumer.consume(_MOST_AT_ONCE, 0):
            self._stays.sort(message, numbered)
        if numbered:
            size = sum(len(d.value) + _OVERHEAD_BYTES for ds in numbered.values() for d in ds)
            self._handed_bytes += size
            self._call(self._put, numbered, size)

    # --- commands ----------------------------------------------------------------------

    def _pause(self, partition: int, number: int) -> None:
        if (stay := self._stays.current(partition, number)) is not None:
            stay.paused = True
            self._consumer.pause([self._stays.place(partition)])

    def _resume(self, partition: int, number: int) -> None:
        if (stay := self._stays.current(partition, number)) is not None:
            stay.paused = False
            if not self._choked:
                self._consumer.resume([self._stays.place(partition)])

    def _rewind(self, partition: int, before: int, number: int, offset: int | None) -> None:
        if (stay := self._stays.current(partition, before)) is None:
            return
        # Without an offset the loop has seen nothing of it; but some of it may be on its way.
        begin = stay.first if offset is None else offset
        begin = stay.seeking if begin is None else begin
        self._stays[partition] = Stay(number, stay.expected, paused=stay.paused, seeking=begin)
        self._resume(partition, number)

    def _seek(self) -> None:
        """Read on from where it was asked for. A partition that has just come, or that is on the
        move, refuses; then it is asked again in the next round."""
        for partition, stay in self._stays.items():
            if stay.seeking is None:
                continue
            try:
                self._consumer.seek(self._stays.place(partition, stay.seeking))
            except KafkaException as error:
                if not stay.told:
                    stay.told = True
                    name, reason = self._stays.name(partition), error.args[0].str()
                    _log.warning("kafka_seek_refused", partition=name, error=reason)
            else:
                stay.expected, stay.seeking = stay.seeking, None

    def _commit(self, positions: Positions) -> None:
        if offsets := self._stays.offsets(positions):
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def _commit_last(self, positions: Positions) -> None:
        self._said = True
        self._commit_now(self._stays.offsets(positions))

    def _commit_now(self, offsets: list[TopicPartition]) -> None:
        if offsets:
            with self._refusable():  # then the next one reads a little again
                self._consumer.commit(offsets=offsets, asynchronous=False)

    # --- rebalancing -----------------------------------------------------------------

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        starts = self._starts(consumer, partitions)
        for each in partitions:
            start = starts.get(each.partition)
            stay = Stay(self._feed.number(), start, start is None and each.partition in starts)
            self._stays[each.partition] = stay
            self._call(self._feed.assign, self._stays.name(each.partition), stay.number, start)
        consumer.incremental_assign(partitions)
        # librdkafka goes on pausing what was paused when it left.
        (consumer.pause if self._choked else consumer.resume)(partitions)
        self.joined.set()

    def _starts(
        self, consumer: Consumer, partitions: list[TopicPartition]
    ) -> dict[int, int | None]:
        """The group's positions, {} where nobody says them; what has none (None) begins at the
        first message there is."""
        try:
            found = consumer.committed(partitions, timeout=_CALL_S)
        except KafkaException:
            return {}  # it is asked again by librdkafka itself
        return {each.partition: each.offset if each.offset >= 0 else None for each in found}

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """In order: what was released is committed before another member reads on."""
        positions = {} if self._said else self._ask_for_positions()
        going = []
        for each in partitions:
            _, position = positions.get(self._stays.name(each.partition), (0, None))
            if position is not None:  # of a stay that is ours, or that will be once it is rewound
                going.append(self._stays.place(each.partition, position))
        self._commit_now(going)
        self._drop(consumer, partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """We were thought dead, and others have them: nothing is committed."""
        self.joined.clear()
        _log.warning("partitions_lost", topic=self._topic, partitions=len(partitions))
        self._drop(consumer, partitions)

    def _drop(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._stays.pop(each.partition, None)
            self._call(self._feed.revoke, self._stays.name(each.partition))
        with contextlib.suppress(KafkaException):
            consumer.incremental_unassign(partitions)

    def _ask_for_positions(self) -> Positions:
        """Of the loop, once it has come to all that was handed to it."""
        answer: Future[Positions] = Future()
        try:
            self._loop.call_soon_threadsafe(lambda: answer.set_result(self._positions()))
            return answer.result(_CALL_S)
        except (TimeoutError, RuntimeError):  # the loop is busy, or gone
            return {}

    # --- inside ----------------------------------------------------------------------

    @contextlib.contextmanager
    def _refusable(self) -> Iterator[None]:
        """What Kafka may refuse: its partition has just gone, or a commit was too late."""
        try:
            yield
        except KafkaException as error:
            _log.info("kafka_command_refused", error=error.args[0].str())

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(function, *arguments)

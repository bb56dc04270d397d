"""A consumer that does what a test says, poll by poll, in place of confluent_kafka's."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError, KafkaException, TopicPartition

TOPIC = "t.audio"
KEY = b"acme/call-1"

Moved = Callable[["FakeConsumer", list[TopicPartition]], None]
Event = Callable[["FakeConsumer"], "list[FakeMessage] | None"]


class FakeMessage:
    def __init__(self, partition: int, offset: int, value: bytes = b"x", key: bytes = KEY) -> None:
        self._partition, self._offset, self._value, self._key = partition, offset, value, key

    def error(self) -> None:
        return None

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._value


def messages(
    partition: int, offsets: Iterable[int], value: bytes = b"x", key: bytes = KEY
) -> list[FakeMessage]:
    return [FakeMessage(partition, offset, value, key) for offset in offsets]


class FakeConsumer:
    """What a test has happen in ``poll_in_which`` runs in the thread that polls; the messages that
    it gives are fetched. ``done`` lists what was asked: (what, partition[, offset])."""

    def __init__(self) -> None:
        self._played: queue.SimpleQueue[tuple[Event, threading.Event]] = queue.SimpleQueue()
        self._over: threading.Event | None = None
        self._rest: list[FakeMessage] = []
        self.during_consume: Event | None = None
        self.committed_offsets: dict[int, int] = {}
        self.refusing_seeks = 0
        self.done: list[tuple[object, ...]] = []
        self.closed = threading.Event()

    # --- for tests ---------------------------------------------------------------------

    async def poll_in_which(
        self, event: Event, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """``event`` happens in the thread, after ``meanwhile`` in the loop while the thread was in
        poll already. Returns once the member comes back for more."""
        entered, go, over = threading.Event(), threading.Event(), threading.Event()

        def in_turn(consumer: FakeConsumer) -> list[FakeMessage] | None:
            entered.set()
            assert go.wait(5)
            return event(consumer)

        self._played.put((in_turn, over))
        assert await asyncio.to_thread(entered.wait, 5), "the member's thread did not poll"
        meanwhile()
        go.set()
        assert await asyncio.to_thread(over.wait, 5), "the member's thread did not come back"
        await asyncio.sleep(0)  # what it handed to the loop is there

    def poll_without_the_loop(self, event: Event) -> None:
        """As ``poll_in_which``, while the loop does nothing else: it comes to nothing."""
        over = threading.Event()
        self._played.put((event, over))
        assert over.wait(5), "the member's thread did not come back"

    def assign(self, *partitions: int) -> None:
        self.on_assign(self, [TopicPartition(TOPIC, each) for each in partitions])

    def lose(self, *partitions: int) -> None:
        self.on_lost(self, [TopicPartition(TOPIC, each) for each in partitions])

    def revoke(self, *partitions: int) -> None:
        self.on_revoke(self, [TopicPartition(TOPIC, each) for each in partitions])

    def what(self, *kinds: str) -> list[tuple[object, ...]]:
        return [each for each in self.done if each[0] in kinds]

    # --- as confluent_kafka has it -------------------------------------------------------

    def subscribe(
        self, _topics: object, on_assign: Moved, on_revoke: Moved, on_lost: Moved
    ) -> None:
        self.on_assign, self.on_revoke, self.on_lost = on_assign, on_revoke, on_lost

    def poll(self, _timeout_s: float) -> FakeMessage | None:
        if self._over is not None:
            self._over.set()
            self._over = None
        try:
            event, self._over = self._played.get(timeout=0.005)
        except queue.Empty:
            return None
        found = event(self) or []
        self._rest = found[1:]
        return found[0] if found else None

    def consume(self, _most: int, _timeout_s: float) -> list[FakeMessage]:
        if self.during_consume is not None:
            event, self.during_consume = self.during_consume, None
            event(self)
        rest, self._rest = self._rest, []
        return rest

    def committed(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout > 0
        return [
            TopicPartition(
                each.topic, each.partition, self.committed_offsets.get(each.partition, -1001)
            )
            for each in places
        ]

    def seek(self, place: TopicPartition) -> None:
        if self.refusing_seeks:
            self.refusing_seeks -= 1
            raise KafkaException(KafkaError(KafkaError._STATE))
        self.done.append(("seek", place.partition, place.offset))

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        self.done += [("commit", each.partition, each.offset) for each in offsets]

    def pause(self, places: list[TopicPartition]) -> None:
        self.done += [("pause", each.partition) for each in places]

    def resume(self, places: list[TopicPartition]) -> None:
        self.done += [("resume", each.partition) for each in places]

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        self.done += [("assign", each.partition) for each in places]

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        self.done += [("unassign", each.partition) for each in places]

    def close(self) -> None:
        if self._over is not None:
            self._over.set()
        self.closed.set()

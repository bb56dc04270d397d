"""One consumer's place in one call's log, and the switch between memory and files.

The law of the switch. ``tail`` holds *every* record of the topic from ``tail_from`` up to
the partition's end; ``front`` holds those that were read from the files, all before
``cursor``; everything before ``front`` was handed out. So while ``cursor < tail_from`` the
files are read, exactly up to ``tail_from``, and after that the tail goes on where they
ended. When the tail grows over its bound its oldest record leaves it, ``tail_from`` moves
up, and the gap before it is the files' again. Nothing else moves between the two.
"""

from __future__ import annotations

from collections import deque

from twicetold.broker import Assigned, Delivery, Revoked
from twicetold.broker.file.partition import Partition
from twicetold.broker.file.records import RECORD_BYTES


class Subscription:
    """What one consumer has, and has not yet, been given of a partition."""

    __slots__ = (
        "announced",
        "closed",
        "cursor",
        "front",
        "lagging",
        "partition",
        "paused",
        "queued",
        "reads",
        "tail",
        "tail_bytes",
        "tail_from",
        "unreleased",
    )

    def __init__(self, partition: Partition, start: int) -> None:
        self.partition = partition
        self.cursor = start
        self.front: deque[Delivery] = deque()
        self.tail: deque[Delivery] = deque()
        self.tail_from = partition.end
        self.tail_bytes = 0
        self.unreleased: dict[int, None] = {}  # positions handed out, ascending
        self.announced = self.paused = self.closed = False
        self.queued = False  # in the consumer's queue of what is ready
        self.lagging = False  # in its queue of what is to be read, or being read
        self.reads = 0  # counts what makes a read that is under way worthless

    @property
    def behind(self) -> bool:
        """Whether the next record, if there is one, lies in the files alone."""
        return self.cursor < self.tail_from

    @property
    def ready(self) -> bool:
        return not self.paused and bool(self.front or (self.tail and not self.behind))

    def position(self) -> int:
        """The lowest position that was not released."""
        if self.unreleased:
            return next(iter(self.unreleased))
        return self._fetched()

    def _fetched(self) -> int:
        """Where what was not handed out yet begins."""
        if self.front:
            return self.front[0].position
        if self.paused or self.behind:
            return self.cursor
        return self.tail[0].position if self.tail else self.partition.end

    def offer(self, delivery: Delivery, tail_bytes: int) -> int:
        """Add the record that was just written; by how many bytes the memory held grew."""
        if self.paused:
            return 0
        before = self.tail_bytes
        self.tail.append(delivery)
        self.tail_bytes += len(delivery.value)
        while self.tail_bytes > tail_bytes and len(self.tail) > 1:
            dropped = self.tail.popleft()
            self.tail_bytes -= len(dropped.value)
            self.tail_from = self.tail[0].position
        return self.tail_bytes - before

    def drop_tail(self) -> int:
        """Leave everything that was not handed out to the files; how many bytes that frees."""
        freed = self.tail_bytes
        if not self.behind:
            self.cursor = self.tail[0].position if self.tail else self.partition.end
        self.tail.clear()
        self.tail_bytes = 0
        self.tail_from = self.partition.end
        return freed

    def take(self, out: list[Delivery | Assigned | Revoked], limit_bytes: int) -> int:
        """Move what is ready to ``out``, at least one record; how many bytes it is."""
        if self.front:
            return self._hand_out(self.front, out, limit_bytes)[1]
        last, taken = self._hand_out(self.tail, out, limit_bytes)
        self.cursor = last.position + RECORD_BYTES + len(last.value)
        self.tail_bytes -= taken
        return taken

    def _hand_out(
        self,
        source: deque[Delivery],
        out: list[Delivery | Assigned | Revoked],
        limit_bytes: int,
    ) -> tuple[Delivery, int]:
        taken = 0
        while True:
            delivery = source.popleft()
            taken += len(delivery.value)
            self.unreleased[delivery.position] = None
            out.append(delivery)
            if not source or taken >= limit_bytes:
                return delivery, taken

    def extend(self, deliveries: list[Delivery], cursor: int) -> None:
        """Add what was read from the files, up to ``cursor``."""
        self.front.extend(deliveries)
        self.cursor = cursor

    def pause(self) -> int:
        """Hold nothing in memory; how many bytes of the tail that frees."""
        if self.paused:
            return 0
        start = self._fetched()
        freed = self.drop_tail()
        self.cursor = start
        self.front.clear()
        self.reads += 1
        self.paused = True
        return freed

    def resume(self) -> None:
        self.paused = False
        self.tail_from = self.partition.end

    def close(self) -> int:
        """Give the place up; how many bytes of the tail that frees."""
        freed = self.tail_bytes
        self.closed = True
        self.reads += 1
        self.front.clear()
        self.tail.clear()
        self.tail_bytes = 0
        return freed

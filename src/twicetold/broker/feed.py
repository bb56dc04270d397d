"""What a group's member has fetched and not handed out, and what of that was let go.

The event loop's side of the consumers of brokers whose partitions many calls share; the adapter
fetches, commits, and says which partitions come and go.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count

from twicetold.broker import Assigned, Delivery, Revoked
from twicetold.errors import TwicetoldError

_BATCH_BYTES = 1024 * 1024
_FULL_BYTES = 4 * 1024 * 1024
_ROOM_AGAIN_BYTES = 1024 * 1024


class _Stay:
    """One stay of a partition with this member."""

    __slots__ = ("held", "next", "number", "paused", "unreleased")

    def __init__(self, number: int, start: int | None) -> None:
        self.number = number
        self.unreleased: dict[int, None] = {}  # positions handed out, ascending
        self.next = start  # behind the last one handed out
        self.held: deque[Delivery] = deque()  # came while paused
        self.paused = False

    def position(self) -> int | None:
        """The lowest that was not released; None where none is known yet."""
        return next(iter(self.unreleased)) if self.unreleased else self.next


class Feed:
    """``moved`` is told that a position may have changed, ``has_room`` that fetching may go on."""

    def __init__(self, *, moved: Callable[[], None], has_room: Callable[[], None]) -> None:
        self._moved, self._has_room = moved, has_room
        self._queue: deque[Delivery | Assigned | Revoked] = deque()
        self._queued_bytes = 0
        self._stays: dict[str, _Stay] = {}
        self._numbers = count(1)
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._failure: TwicetoldError | None = None
        self.full = False

    # --- for the adapter ---------------------------------------------------------

    def number(self) -> int:
        """A name for a stay that begins. From any thread."""
        return next(self._numbers)

    def assign(self, partition: str, number: int, start: int | None) -> None:
        """A partition has come, to be read from ``start`` (None: from wherever that is)."""
        if self._ended:
            return
        self._stays[partition] = _Stay(number, start)
        self._queue.append(Assigned(partition))
        self._wake()

    def revoke(self, partition: str) -> None:
        if self._stays.pop(partition, None) is None:
            return
        self._drop(partition)
        self._queue.append(Revoked(partition))
        self._wake()

    def put(self, number: int, deliveries: Iterable[Delivery]) -> None:
        """What was fetched of one partition in the stay of that number; of another, it is late."""
        for delivery in deliveries:
            stay = self._stays.get(delivery.partition)
            if stay is None or stay.number != number:
                continue
            if stay.paused:
                stay.held.append(delivery)
            else:
                self._queue.append(delivery)
                self._queued_bytes += len(delivery.value)
        self.full = self.full or self._queued_bytes > _FULL_BYTES
        self._wake()

    def positions(self) -> dict[str, int]:
        """Per partition, the lowest position that was not released."""
        found = ((name, stay.position()) for name, stay in self._stays.items())
        return {name: position for name, position in found if position is not None}

    def stays(self) -> dict[str, tuple[int, int | None]]:
        """Per partition, the number of its stay and the lowest position that was not released."""
        return {name: (stay.number, stay.position()) for name, stay in self._stays.items()}

    def number_of(self, partition: str) -> int | None:
        """The number of its stay. None where it is not ours."""
        stay = self._stays.get(partition)
        return None if stay is None else stay.number

    def restart(self, partition: str) -> tuple[int, int | None] | None:
        """Begin a new stay from the position; its number and where to read from (None: nothing
        was read yet). None where the partition is not ours."""
        stay = self._stays.get(partition)
        if stay is None:
            return None
        position = stay.position()
        if position is None:
            waiting = stay.held or (each for each in self._queue if isinstance(each, Delivery))
            position = next((d.position for d in waiting if d.partition == partition), None)
        number = self.number()
        self.revoke(partition)
        self.assign(partition, number, position)
        return number, position

    @property
    def partitions(self) -> list[str]:
        return list(self._stays)

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._queue.clear()
        self._stays.clear()
        self._wake()

    def fail(self, error: TwicetoldError) -> None:
        """Nothing more comes, for a reason that whoever receives must hear."""
        if not self._ended:
            self._failure = error
            self.end()

    # --- the port ------------------------------------------------------------------

    async def receive(self) -> list[Delivery | Assigned | Revoked]:
        """Raises what the feed failed with."""
        while not self._queue and not self._ended:
            if self._waiter is not None:
                raise RuntimeError("expected one reader of a consumer but got two")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._failure is not None:
            raise self._failure
        return self._take()

    def release(self, delivery: Delivery) -> None:
        stay = self._stays.get(delivery.partition)
        if stay is not None:
            stay.unreleased.pop(delivery.position, None)
            self._moved()

    def pause(self, partition: str) -> bool:
        """Whether that changes anything."""
        stay = self._stays.get(partition)
        if stay is None or stay.paused:
            return False
        stay.paused = True
        stay.held = self._drop(partition)
        return True

    def resume(self, partition: str) -> bool:
        stay = self._stays.get(partition)
        if stay is None or not stay.paused:
            return False
        stay.paused = False
        held, stay.held = stay.held, deque()
        self.put(stay.number, held)
        return True

    # --- inside ----------------------------------------------------------------------

    def _take(self) -> list[Delivery | Assigned | Revoked]:
        out: list[Delivery | Assigned | Revoked] = []
        taken = 0
        while self._queue and taken < _BATCH_BYTES:
            item = self._queue.popleft()
            if isinstance(item, Delivery):
                taken += len(item.value)
                stay = self._stays[item.partition]
                stay.unreleased[item.position] = None
                stay.next = item.position + 1
            out.append(item)
        self._queued_bytes -= taken
        self._look_for_room()
        return out

    def _drop(self, partition: str) -> deque[Delivery]:
        """Take what waits of a partition out of the queue."""
        dropped: deque[Delivery] = deque()
        kept: deque[Delivery | Assigned | Revoked] = deque()
        for item in self._queue:
            if isinstance(item, Delivery) and item.partition == partition:
                dropped.append(item)
                self._queued_bytes -= len(item.value)
            else:
                kept.append(item)
        self._queue = kept
        self._look_for_room()
        return dropped

    def _look_for_room(self) -> None:
        if self.full and self._queued_bytes < _ROOM_AGAIN_BYTES:
            self.full = False
            self._has_room()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

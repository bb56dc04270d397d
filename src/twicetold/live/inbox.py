"""What a call's partition has delivered and nobody has worked on yet; bounded by pausing it."""

from __future__ import annotations

import asyncio
from collections import deque

from twicetold.broker import Consumer, Delivery

_FULL_BYTES = 1024 * 1024
_ROOM_AGAIN_BYTES = 256 * 1024


class Inbox:
    """One reader, one writer. Beyond a megabyte the partition is paused until it was read."""

    def __init__(self, consumer: Consumer, partition: str) -> None:
        self._consumer, self.partition = consumer, partition
        self._deliveries: deque[Delivery] = deque()
        self._bytes = 0
        self._paused = False
        self._waiting: asyncio.Future[None] | None = None

    def put(self, delivery: Delivery) -> None:
        self._deliveries.append(delivery)
        self._bytes += len(delivery.value)
        if self._bytes > _FULL_BYTES and not self._paused:
            self._paused = True
            self._consumer.pause(self.partition)
        if self._waiting is not None:
            if not self._waiting.done():
                self._waiting.set_result(None)
            self._waiting = None

    async def take(self, most_bytes: int) -> list[Delivery]:
        """What is there, at least one and about ``most_bytes`` of it; waits for the first."""
        if not self._deliveries:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        taken: list[Delivery] = []
        size = 0
        while self._deliveries and size < most_bytes:
            delivery = self._deliveries.popleft()
            taken.append(delivery)
            size += len(delivery.value)
        self._bytes -= size
        if self._paused and self._bytes < _ROOM_AGAIN_BYTES:
            self._paused = False
            self._consumer.resume(self.partition)
        return taken

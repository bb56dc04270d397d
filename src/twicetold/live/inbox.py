"""What a call's partition has delivered and nobody has worked on yet; bounded by pausing it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple, Protocol

from twicetold.broker import Consumer, Delivery
from twicetold.speech.chunks import Close, LogMessage

_FULL_BYTES = 1024 * 1024
_ROOM_AGAIN_BYTES = 256 * 1024
_DRAIN_BYTES = 1024 * 1024
_IDLE_S = 30.0


class Item(NamedTuple):
    """A message, and what to release once it has served: its delivery without the bytes."""

    receipt: Delivery
    message: LogMessage
    size_bytes: int


class Valve(Protocol):
    """Stops and opens the flow of what an inbox is filled from; counts who asked."""

    def hold(self) -> None: ...

    def free(self) -> None: ...


class Inbox:
    """One reader, one writer. Beyond a megabyte the partition is paused until it was read."""

    def __init__(self, valve: Valve) -> None:
        self._valve = valve
        self._items: deque[Item] = deque()
        self.size_bytes = 0  # of what was not taken yet
        self.full = False
        self._waiting: asyncio.Future[None] | None = None

    @property
    def empty(self) -> bool:
        return not self._items

    @property
    def first(self) -> LogMessage | None:
        """What is to be taken next, if anything is there."""
        return self._items[0].message if self._items else None

    def put(self, item: Item) -> None:
        self._items.append(item)
        self.size_bytes += item.size_bytes
        if self.size_bytes > _FULL_BYTES and not self.full:
            self.full = True
            self._valve.hold()
        if self._waiting is not None:
            if not self._waiting.done():
                self._waiting.set_result(None)
            self._waiting = None

    async def take(self, most_bytes: int) -> list[Item]:
        """What is there, at least one and about ``most_bytes`` of it; waits for the first."""
        if not self._items:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        taken: list[Item] = []
        size = 0
        while self._items and size < most_bytes:
            item = self._items.popleft()
            taken.append(item)
            size += item.size_bytes
        self.size_bytes -= size
        if self.full and self.size_bytes < _ROOM_AGAIN_BYTES:
            self._make_room()
        return taken

    def close(self) -> None:
        """Nobody reads any more: what is left counts no longer."""
        self._items.clear()
        self.size_bytes = 0
        if self.full:
            self._make_room()

    def _make_room(self) -> None:
        self.full = False
        self._valve.free()


async def drain(consumer: Consumer, inbox: Inbox, *, idle_s: float | None = _IDLE_S) -> bool:
    """Release a call's messages unheard, up to and with its close; whether that came.

    Returns also when nothing has come for ``idle_s``: what comes to a call that is over (from a
    gateway that woke late, or read again for the sake of its partition) may lack a close.
    """
    while True:
        try:
            async with asyncio.timeout(idle_s):
                items = await inbox.take(_DRAIN_BYTES)
        except TimeoutError:
            return False
        closed = False
        for item in items:
            consumer.release(item.receipt)
            closed = closed or isinstance(item.message, Close)
        if closed:
            return True

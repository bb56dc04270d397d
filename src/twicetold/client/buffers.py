"""What the live client holds: audio that is not acknowledged, events that are not read."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import Any

SEQUENCE = struct.Struct("<I")


class Outbox:
    """Messages in order from the first that the server has not acknowledged, bounded in bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._items: deque[tuple[int | None, bytes | str]] = deque()  # None: a control message
        self._held_bytes = 0
        self._sent = 0  # how many of the items went out on this connection
        self._first_seq = self._next_seq = 0
        self._room, self._work = asyncio.Event(), asyncio.Event()

    def fits(self, size: int) -> bool:
        return not self._held_bytes or self._held_bytes + size <= self._limit_bytes

    async def wait_for_room(self) -> None:
        self._room.clear()
        await self._room.wait()

    def wake(self) -> None:
        self._room.set()

    def put_audio(self, audio: bytes) -> None:
        message = SEQUENCE.pack(self._next_seq) + audio
        self._items.append((self._next_seq, message))
        self._held_bytes += len(audio)
        self._next_seq += 1
        self._work.set()

    def put_control(self, text: str) -> None:
        if not self._items or self._items[-1][1] != text:  # twice at one place says nothing new
            self._items.append((None, text))
            self._work.set()

    async def next(self) -> bytes | str:
        """The next message for this connection; waits until there is one."""
        while self._sent >= len(self._items):
            self._work.clear()
            await self._work.wait()
        self._sent += 1
        return self._items[self._sent - 1][1]

    def acknowledge(self, seq: int) -> None:
        """The server holds all up to ``seq``. A control message goes with the audio after it."""
        while self._first_seq <= min(seq, self._next_seq - 1):
            number, message = self._items.popleft()
            self._sent = max(0, self._sent - 1)
            if number is not None:
                self._held_bytes -= len(message) - SEQUENCE.size
                self._first_seq = number + 1
        self._room.set()

    def start_at(self, seq: int) -> None:
        self._first_seq = self._next_seq = seq

    def resume_at(self, seq: int) -> bool:
        """Begin a new connection at ``seq``; False where that audio is not held here."""
        if not self._first_seq <= seq <= self._next_seq:
            return False
        self._sent = 0
        self.acknowledge(seq - 1)
        return True


class Inbox:
    """Events that were not read yet. A partial replaces the one before it; finals wait."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[dict[str, Any]] = deque()
        self._closed = False
        self._news, self._space = asyncio.Event(), asyncio.Event()

    async def put(self, event: dict[str, Any]) -> None:
        """Waits while too much is unread, and with it the socket."""
        if not self._replaced(event):
            while len(self._events) >= self._limit and not self._closed:
                self._space.clear()
                await self._space.wait()
            self._events.append(event)
        self._news.set()

    def _replaced(self, event: dict[str, Any]) -> bool:
        """Whether the newest unread event is an older state of the same thing, and now this one."""
        last = self._events[-1] if self._events else None
        same = last is not None and all(
            last.get(name) == event.get(name) for name in ("type", "channel", "utterance")
        )
        if same and event["type"] in ("ack", "partial", "lagging"):
            self._events[-1] = event
            return True
        return False

    async def get(self) -> dict[str, Any] | None:
        """The oldest unread event; None once closed and empty."""
        while not self._events:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        self._space.set()
        return self._events.popleft()

    def close(self) -> None:
        self._closed = True
        self._news.set()
        self._space.set()

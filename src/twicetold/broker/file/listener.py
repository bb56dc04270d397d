"""Listeners of the file broker: single calls, from now on, straight from memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from twicetold.broker import Topic
from twicetold.speech.identity import CallKey

_MESSAGE_OVERHEAD_BYTES = 200  # what a queued message takes beside its payload, about


class Following:
    """Who listens to which call, by topic."""

    def __init__(self) -> None:
        self._by_topic: dict[Topic, dict[CallKey, list[FileListener]]] = {
            topic: {} for topic in Topic
        }

    def add(self, topic: Topic, key: CallKey, listener: FileListener) -> None:
        followers = self._by_topic[topic].setdefault(key, [])
        if listener not in followers:
            followers.append(listener)

    def remove(self, topic: Topic, key: CallKey, listener: FileListener) -> None:
        followers = self._by_topic[topic].get(key, [])
        if listener in followers:
            followers.remove(listener)
        if not followers:
            self._by_topic[topic].pop(key, None)

    def deliver(self, topic: Topic, key: CallKey, value: bytes) -> None:
        for listener in self._by_topic[topic].get(key, ()):
            listener.offer(key, value)


class FileListener:
    """A bounded queue: what its reader does not fetch in time goes, oldest first."""

    def __init__(
        self,
        topic: Topic,
        following: Following,
        *,
        queue_bytes: int,
        closed: Callable[[FileListener], None],
    ) -> None:
        self._topic, self._following = topic, following
        self._queue_bytes, self._on_closed = queue_bytes, closed
        self._keys: set[CallKey] = set()
        self._queue: deque[tuple[CallKey, bytes]] = deque()
        self._queued_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    async def add(self, key: CallKey) -> None:
        if self._closed:
            return
        self._keys.add(key)
        self._following.add(self._topic, key, self)

    def remove(self, key: CallKey) -> None:
        """Follow the call no more; what has come of it already may still be received."""
        self._keys.discard(key)
        self._following.remove(self._topic, key, self)

    def offer(self, key: CallKey, value: bytes) -> None:
        self._queue.append((key, value))
        self._queued_bytes += len(value) + _MESSAGE_OVERHEAD_BYTES
        while self._queued_bytes > self._queue_bytes and len(self._queue) > 1:
            _, dropped = self._queue.popleft()
            self._queued_bytes -= len(dropped) + _MESSAGE_OVERHEAD_BYTES
        self._wake()

    async def receive(self) -> list[tuple[CallKey, bytes]]:
        while not self._queue and not self._closed:
            if self._waiter is not None:
                raise RuntimeError("expected one reader of a listener but got two")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        messages = list(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        return messages

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for key in list(self._keys):
            self.remove(key)
        self._queue.clear()
        self._wake()
        self._on_closed(self)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

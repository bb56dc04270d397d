"""What a listener has heard and its reader has not fetched yet."""

from __future__ import annotations

import asyncio
from collections import deque

from twicetold.errors import TwicetoldError
from twicetold.speech.identity import CallKey

_MOST_BYTES = 4 * 1024 * 1024
_OVERHEAD_BYTES = 200  # of a message that waits, beside its payload, about


class Heard:
    """A bounded queue: what its reader does not fetch in time goes, oldest first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[CallKey, bytes]] = deque()
        self._bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._failure: TwicetoldError | None = None

    def put(self, key: CallKey, value: bytes) -> None:
        if self._closed:
            return
        self._waiting.append((key, value))
        self._bytes += len(value) + _OVERHEAD_BYTES
        while self._bytes > self._most_bytes and len(self._waiting) > 1:
            self._bytes -= len(self._waiting.popleft()[1]) + _OVERHEAD_BYTES
        self._wake()

    async def receive(self) -> list[tuple[CallKey, bytes]]:
        """Waits until there is something. [] once closed. Raises what it failed with."""
        while not self._waiting and not self._closed:
            if self._waiter is not None:
                raise RuntimeError("expected one reader of a listener but got two")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._failure is not None:
            raise self._failure
        heard = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return heard

    def close(self) -> None:
        self._closed = True
        self._waiting.clear()
        self._wake()

    def fail(self, error: TwicetoldError) -> None:
        """Nothing more comes, for a reason that the reader must hear."""
        if not self._closed:
            self._failure = error
            self.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

"""One at a time for each call: a lock that exists only while somebody holds or wants it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from weakref import WeakValueDictionary

from twicetold.speech.identity import CallKey


class CallLocks:
    """Within one process; between processes the stores compare. As many as calls in hand."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[CallKey, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._locks)

    @contextlib.asynccontextmanager
    async def hold(self, key: CallKey) -> AsyncIterator[None]:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            yield

"""One at a time for each call: a lock that exists only while somebody holds or wants it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO
from weakref import WeakValueDictionary

from twicetold.speech.identity import CallKey

_SLOTS = 64
_PAUSE_S = 0.05


class CallLocks:
    """Within a process, and between those that share ``directory``: there calls share a few files,
    so that one may wait for another. As many as calls in hand."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._locks: WeakValueDictionary[CallKey, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._locks)

    @contextlib.asynccontextmanager
    async def hold(self, key: CallKey) -> AsyncIterator[None]:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock, self._between_processes(key):
            yield

    @contextlib.asynccontextmanager
    async def _between_processes(self, key: CallKey) -> AsyncIterator[None]:
        """Asked for again and again, not waited for in a thread: those are few, and whoever holds
        the lock needs them to come to its end."""
        if self._directory is None:
            yield
            return
        with await asyncio.to_thread(_opened, self._directory, key) as file:
            while not _taken(file):  # noqa: ASYNC110 - see above
                await asyncio.sleep(_PAUSE_S)
            yield


def _opened(directory: Path, key: CallKey) -> IO[bytes]:
    directory.mkdir(exist_ok=True)
    digest = hashlib.blake2b("\0".join(key).encode(), digest_size=4).digest()
    return (directory / f"call-{int.from_bytes(digest) % _SLOTS:02}").open("ab")


def _taken(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

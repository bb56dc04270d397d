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
_CLAIM_SLOTS, _CLAIM_PAUSE_S = 1024, 0.01


class CallLocks:
    """Within a process, and between those that share ``directory``: there calls share a few files,
    so that one may wait for another. As many as calls in hand."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        name: str = "call",
        slots: int = _SLOTS,
        pause_s: float = _PAUSE_S,
    ) -> None:
        """``name``: locks of another name are others. ``slots``: files that calls share."""
        self._directory, self._name = directory, name
        self._slots, self._pause_s = slots, pause_s
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
        with await asyncio.to_thread(self._opened, self._directory, key) as file:
            while not _taken(file):  # noqa: ASYNC110 - see above
                await asyncio.sleep(self._pause_s)
            yield

    def _opened(self, directory: Path, key: CallKey) -> IO[bytes]:
        directory.mkdir(exist_ok=True)
        digest = hashlib.blake2b("\0".join(key).encode(), digest_size=4).digest()
        slot = int.from_bytes(digest) % self._slots
        return (directory / f"{self._name}-{slot:02}").open("ab")


def call_claims(directory: Path) -> CallLocks:
    """Held while a free id becomes a live call or an upload's, so that it never becomes both.
    Never across slow work, for the start of a live call waits for it."""
    return CallLocks(directory, name="claim", slots=_CLAIM_SLOTS, pause_s=_CLAIM_PAUSE_S)


def _taken(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

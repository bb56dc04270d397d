"""Files that have stirred, until they have not done so for a while. Bounded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from twicetold.batch.job import FileState
from twicetold.errors import RecordingNotFound

_MOST_FILES = 10_000


class Settling:
    """A file is settled when its state and its time of writing have rested for ``settle_s``."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._due: dict[str, float] = {}  # path: when to look, on the monotonic clock
        self._seen: dict[str, FileState] = {}
        self._changed = asyncio.Event()
        self._overflow = asyncio.Event()

    def stirred(self, path: str, after_s: float = 0.0) -> None:
        """Something happened to the file; look again no sooner than ``after_s``.

        Where too many are waiting the file is let go: ``overflowed`` then returns, and
        whoever lists all files finds it.
        """
        if path not in self._due and len(self._due) >= _MOST_FILES:
            self._overflow.set()
            return
        self._due[path] = time.monotonic() + after_s
        self._seen.pop(path, None)
        self._changed.set()

    def missed(self) -> None:
        """Files may have stirred that nobody told of: whoever lists all files is to look."""
        self._overflow.set()

    def forget(self, path: str) -> None:
        self._due.pop(path, None)
        self._seen.pop(path, None)

    async def overflowed(self, at_most_s: float) -> None:
        """Wait until a file was let go and there is room again, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._overflow.wait()
                await asyncio.sleep(self._settle_s)
        self._overflow.clear()

    async def settled(self) -> str:
        """The next file that has come to rest."""
        while True:
            path = await self._next_due()
            rest_s = await asyncio.to_thread(self._rest_s, path)
            if rest_s is None:
                self.forget(path)
            elif rest_s <= 0.0:
                self.forget(path)
                return path
            elif path in self._due:
                self._due[path] = max(self._due[path], time.monotonic() + rest_s)

    async def _next_due(self) -> str:
        while True:
            self._changed.clear()
            path = min(self._due, key=self._due.__getitem__, default=None)
            wait_s = None if path is None else self._due[path] - time.monotonic()
            if path is not None and wait_s is not None and wait_s <= 0.0:
                return path
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    def _rest_s(self, path: str) -> float | None:
        """How much longer it has to rest; 0 or less if it has settled, None if it is gone.

        A file that was renamed into place was last written to long ago and settles at once.
        """
        try:
            state = FileState.of(Path(path))
        except RecordingNotFound:
            return None
        age_s = time.time() - state.written_s
        if age_s >= self._settle_s or self._seen.get(path) == state:
            return 0.0
        self._seen[path] = state
        return self._settle_s - max(0.0, age_s)

"""Checkpoints that outlived their jobs: of a worker that wrote late, or died while it cleared."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog
from obstore.store import LocalStore

from twicetold.batch.checkpoints import clear_checkpoints
from twicetold.errors import BadIdentifier, TwicetoldError
from twicetold.queue import JobState, Queue
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path

log = structlog.get_logger()


class Leftovers:
    """Removes the checkpoints of jobs that are done, and of those that have failed where a tenant's
    words are redacted: checkpoints hold them as they were said. Of others that failed they stay, so
    that a retry by hand goes on at the last one. May be repeated."""

    def __init__(
        self, store: LocalStore, queue: Queue, redacts: Callable[[str], bool], every_s: float
    ) -> None:
        """``redacts``: whether a tenant's words are redacted. ``every_s``: how often all calls that
        checkpoints lie there of are looked at."""
        self._store, self._queue = store, queue
        self._redacts, self._every_s = redacts, every_s

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> int:
        """Look at each call once; returns of how many calls there was something to remove."""
        removed = 0
        for key in await asyncio.to_thread(_with_checkpoints, self._store):
            try:
                removed += await self._settle(key)
            except (TwicetoldError, OSError) as error:  # one call's trouble stays its own
                log.warning("checkpoints_not_removed", call=str(key), error=type(error).__name__)
        return removed

    async def _settle(self, key: CallKey) -> bool:
        found = await self._queue.job_of(key)
        if found is None:  # a deletion has its own way of coming to its end
            return False
        failed = found.state is JobState.FAILED and self._redacts(key.tenant)
        if not failed and found.state is not JobState.DONE:
            return False
        await clear_checkpoints(self._store, key)
        log.info("checkpoints_removed", call=str(key))
        return True


def _with_checkpoints(store: LocalStore) -> list[CallKey]:
    found = []
    for folder in sorted(local_path(store, "jobs").glob("*/*")):
        with contextlib.suppress(BadIdentifier):
            found.append(CallKey.checked(folder.parent.name, folder.name))
    return found

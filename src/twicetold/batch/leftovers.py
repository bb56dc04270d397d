"""Checkpoints that outlived their jobs: of a worker that wrote late, or died while it cleared."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from obstore.store import LocalStore

from twicetold.batch.checkpoints import clear_checkpoints
from twicetold.batch.sweeping import Sweeping
from twicetold.queue import JobState, Queue
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path

log = structlog.get_logger()


class Leftovers(Sweeping):
    """Removes the checkpoints of jobs that are done, and of those that have failed where a tenant's
    words are redacted: checkpoints hold them as they were said. Of others that failed they stay, so
    that a retry by hand goes on at the last one. May be repeated."""

    def __init__(
        self, store: LocalStore, queue: Queue, redacts: Callable[[str], bool], every_s: float
    ) -> None:
        """``redacts``: whether a tenant's words are redacted. ``every_s``: how often all calls that
        checkpoints lie there of are looked at."""
        super().__init__(every_s)
        self._store, self._queue, self._redacts = store, queue, redacts

    def names(self) -> list[tuple[str, str]]:
        folders = sorted(local_path(self._store, "jobs").glob("*/*"))
        return [(folder.parent.name, folder.name) for folder in folders]

    async def settle(self, key: CallKey) -> bool:
        found = await self._queue.job_of(key)
        if found is None:  # a deletion has its own way of coming to its end
            return False
        failed = found.state is JobState.FAILED and self._redacts(key.tenant)
        if not failed and found.state is not JobState.DONE:
            return False
        await clear_checkpoints(self._store, key)
        log.info("checkpoints_removed", call=str(key))
        return True

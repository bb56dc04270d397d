"""Recordings that still hold what was removed from their words, and how long they are kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from obstore.store import LocalStore

from twicetold.batch.sweeping import Sweeping
from twicetold.queue import JobState, Queue
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path, recording_key, redacted_key
from twicetold.transcripts import Call, Transcripts

log = structlog.get_logger()


class Originals(Sweeping):
    """Removes recordings once their redacted ones have stood for long enough. May be repeated."""

    def __init__(
        self,
        store: LocalStore,
        transcripts: Transcripts,
        queue: Queue,
        keep_s: Callable[[str], float | None],
        every_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``keep_s``: of a tenant, how long after its redacted one a recording is kept; None: for
        good. ``every_s``: how often all are looked at."""
        super().__init__(every_s)
        self._store, self._transcripts, self._keep_s = store, transcripts, keep_s
        self._queue, self._clock = queue, clock

    def names(self) -> list[tuple[str, str]]:
        paths = sorted(local_path(self._store, "redacted").glob("*/*.wav"))
        return [(path.parent.name, path.stem) for path in paths]

    async def settle(self, key: CallKey) -> bool:
        """Remove the call's original if it is due: its words are published, without what is not in
        its redacted recording, and no job is to read it any more. A redacted recording beside words
        that redaction has not seen is of other words, from before redaction was switched off."""
        keep_s = self._keep_s(key.tenant)
        if keep_s is None:
            return False
        call = await self._transcripts.call(key)
        covered = redacted_key(key)
        if call is None or call.canonical_revision is None:
            return False
        job = await self._queue.job_of(key)
        if job is not None and job.state is not JobState.DONE:
            return False
        if "removed" not in (await self._transcripts.insights(key) or {}):
            return False
        age_s = await asyncio.to_thread(_age_s, self._store, covered, self._clock())
        if age_s is None or age_s < keep_s:
            return False
        return await self._remove(call, covered)

    async def _remove(self, call: Call, covered: str) -> bool:
        """The row first: whoever reads it finds a recording, whenever this is cut short."""
        if call.recording != covered:
            await self._transcripts.set_recording(call.key, covered, None)
        removed = await asyncio.to_thread(_unlink, self._store, call)
        if removed:
            log.info("original_removed", call=str(call.key))
        return removed


def _age_s(store: LocalStore, object_key: str, now: float) -> float | None:
    try:
        return now - local_path(store, object_key).stat().st_mtime
    except FileNotFoundError:
        return None


def _unlink(store: LocalStore, call: Call) -> bool:
    """In whatever container it came; not what was put there after its redacted one was made, and
    no link's target."""
    folder = local_path(store, recording_key(call.key)).parent
    made_at = local_path(store, redacted_key(call.key)).stat().st_mtime
    if folder.is_symlink() or not folder.is_dir():
        return False
    removed = False
    for path in folder.iterdir():
        if path.stem != call.key.call_id or (path.is_dir() and not path.is_symlink()):
            continue
        if path.lstat().st_mtime <= made_at:
            path.unlink(missing_ok=True)
            removed = True
    return removed

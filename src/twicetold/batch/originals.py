"""Recordings that still hold what was removed from their words, and how long they are kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog
from obstore.store import LocalStore

from twicetold.errors import BadIdentifier, TwicetoldError
from twicetold.queue import JobState, Queue
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path, recording_key, redacted_key
from twicetold.transcripts import Call, Transcripts

log = structlog.get_logger()


class Originals:
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
        self._store, self._transcripts, self._keep_s = store, transcripts, keep_s
        self._queue = queue
        self._every_s, self._clock = every_s, clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> int:
        """Look at every redacted recording once; returns how many originals were removed."""
        removed = 0
        for key in await asyncio.to_thread(_redacted, self._store):
            try:
                removed += await self.settle(key)
            except (TwicetoldError, OSError) as error:  # one call's trouble stays its own
                log.warning("original_not_removed", call=str(key), error=type(error).__name__)
        return removed

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


def _redacted(store: LocalStore) -> list[CallKey]:
    found = []
    for path in sorted(local_path(store, "redacted").glob("*/*.wav")):
        with contextlib.suppress(BadIdentifier):
            found.append(CallKey.checked(path.parent.name, path.stem))
    return found


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

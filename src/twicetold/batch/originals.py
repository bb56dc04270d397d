"""Recordings that still hold what was removed from their words, and how long they are kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog
from obstore.store import LocalStore

from twicetold.errors import BadIdentifier, TwicetoldError
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
        keep_s: Callable[[str], float | None],
        every_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``keep_s``: of a tenant, how long after its redacted one a recording is kept; None: for
        good. ``every_s``: how often all are looked at."""
        self._store, self._transcripts, self._keep_s = store, transcripts, keep_s
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
            except TwicetoldError as error:
                log.warning("original_not_removed", call=str(key), code=error.code)
        return removed

    async def settle(self, key: CallKey) -> bool:
        """Remove the call's original if it is due: its words are published, by the engine that is
        wanted, and without what is not in its redacted recording."""
        keep_s = self._keep_s(key.tenant)
        if keep_s is None:
            return False
        call = await self._transcripts.call(key)
        covered = redacted_key(key)
        if call is None or call.canonical_revision is None or call.provisional:
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
    """In whatever container it came."""
    folder = local_path(store, recording_key(call.key)).parent
    originals = [path for path in folder.glob("*") if path.stem == call.key.call_id]
    for path in originals:
        path.unlink(missing_ok=True)
    return bool(originals)

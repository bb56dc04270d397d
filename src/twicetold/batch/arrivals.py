"""Recordings that arrive in the store's directory: noticed, settled, named, and made into jobs.

Two eyes watch for them, because either may be shut: the file system's notices while this
process runs, and reconciliation, at the start and each hour, for what came unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
import watchfiles
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from twicetold.batch.job import FileState, identify
from twicetold.batch.settling import Settling
from twicetold.errors import BadIdentifier, CallDeleted, RecordingNotFound, TwicetoldError
from twicetold.media.formats import SUFFIXES
from twicetold.queue import Job, JobState, JobStatus, Queue
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path
from twicetold.transcripts import Call, NewCall, Status, Transcripts

log = structlog.get_logger()

_ROOT = "recordings"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0  # before a watch that failed begins again
_HALF_WRITTEN = re.compile(r"^\.|\.(tmp|part|partial|crdownload)$|~$|#\d+$")


@dataclass(frozen=True, slots=True)
class ArrivalSettings:
    """How arrivals are noticed; see the settings of the same names."""

    settle_s: float = 5.0
    reconcile_every_s: float = 3600.0
    language: str = "auto"


class Unwelcome(Exception):
    """A file that is no recording of a call; the message says why, for a person."""


def call_of(object_key: str) -> CallKey:
    """The call that ``recordings/{tenant}/{call_id}{suffix}`` belongs to. Raises Unwelcome."""
    parts = object_key.split("/")
    if len(parts) != 3 or parts[0] != _ROOT:
        raise Unwelcome("it does not lie in recordings/TENANT/")
    name = Path(parts[2])
    if name.suffix.lower() not in SUFFIXES:
        raise Unwelcome(f"its name does not end like that of a recording ({name.suffix!r})")
    try:
        return CallKey.checked(parts[1], name.stem)
    except BadIdentifier as error:
        raise Unwelcome(f"{error.message} {error.hint}") from error


class Arrivals:
    """Turns recordings into jobs. Everything it does may be done twice."""

    def __init__(
        self,
        store: LocalStore,
        transcripts: Transcripts,
        queue: Queue,
        *,
        settings: ArrivalSettings,
        known_tenant: Callable[[str], bool] = lambda _tenant: True,
    ) -> None:
        self._store, self._transcripts, self._queue = store, transcripts, queue
        self._settings, self._known_tenant = settings, known_tenant
        self._settling = Settling(settings.settle_s)
        self._directory = local_path(store, _ROOT)
        self._complained: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.to_thread(_prepare, self._directory)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._reconcile_often())
            group.create_task(self._welcome())

    async def reconcile(self) -> int:
        """Look at every recording once; returns how many became jobs."""
        found = 0
        for tenant in await asyncio.to_thread(_names_in, self._directory):
            for name in await asyncio.to_thread(_names_in, self._directory / tenant):
                found += await self._look_at(f"{_ROOT}/{tenant}/{name}")
        return found

    async def _look_at(self, object_key: str) -> bool:
        """What one file does wrong keeps nobody from the others."""
        try:
            return await self._consider(object_key)
        except (TwicetoldError, OSError, BaseError, ValueError) as error:
            self._complain(object_key, f"looking at it failed ({type(error).__name__})")
            return False

    # --- noticing ------------------------------------------------------------------------

    async def _watch(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            began = time.monotonic()
            try:
                async for changes in watchfiles.awatch(
                    self._directory, watch_filter=None, step=50, debounce=400, recursive=True
                ):
                    await self._notice(changes)
            # watchfiles' own are RuntimeErrors, in a group: for one of a name that is not UTF-8.
            except (OSError, RuntimeError, ExceptionGroup) as error:
                log.warning(
                    "watch_failed",
                    error=_kind(error),
                    hint="It begins again by itself; what it missed is found by reconciliation.",
                )
            if time.monotonic() - began > _LONGEST_WAIT_S:
                wait_s = _FIRST_WAIT_S
            await asyncio.sleep(wait_s)
            wait_s = min(_LONGEST_WAIT_S, 2.0 * wait_s)
            with contextlib.suppress(OSError):  # the watch will say so itself
                await asyncio.to_thread(_prepare, self._directory)
            self._settling.missed()

    async def _notice(self, changes: set[tuple[watchfiles.Change, str]]) -> None:
        for change, path in changes:
            if change is watchfiles.Change.deleted:
                self._settling.forget(path)
            elif Path(path).parent == self._directory:
                # A tenant's new directory: what was put there before it was watched made no noise.
                for name in await asyncio.to_thread(_names_in, Path(path)):
                    self._stirred(os.path.join(path, name))  # noqa: PTH118 - as it is told
            else:
                self._stirred(path)

    def _stirred(self, path: str) -> None:
        if not _HALF_WRITTEN.search(Path(path).name):
            self._settling.stirred(path)

    async def _reconcile_often(self) -> None:
        while True:
            try:
                found = await self.reconcile()
                log.info("reconciled", jobs=found)
            except (TwicetoldError, OSError, BaseError) as error:
                log.warning("reconciliation_failed", error=type(error).__name__)
            await self._settling.overflowed(self._settings.reconcile_every_s)

    async def _welcome(self) -> None:
        """Take in files that have settled, one at a time: reading them through is disk work."""
        while True:
            path = await self._settling.settled()
            object_key = Path(path).relative_to(self._directory.parent).as_posix()
            try:
                await self._consider(object_key, settled=True)
            except (TwicetoldError, OSError, BaseError, ValueError) as error:
                log.warning(
                    "arrival_failed", object=_printable(object_key), error=type(error).__name__
                )
                self._settling.stirred(path, after_s=60.0)

    # --- taking in -----------------------------------------------------------------------

    async def _consider(self, object_key: str, *, settled: bool = False) -> bool:
        """Make a job of a recording that has none for its bytes, once it has settled."""
        if _HALF_WRITTEN.search(object_key.rpartition("/")[2]):
            return False
        path = local_path(self._store, object_key)
        try:
            key = call_of(object_key)
            state = await asyncio.to_thread(FileState.of, path)
            if not self._known_tenant(key.tenant):
                raise Unwelcome(f"no tenant is called {key.tenant!r}")
            if not await self._wanted(key, object_key, state):
                return False
        except Unwelcome as reason:
            self._complain(object_key, str(reason))
            return False
        except RecordingNotFound:
            if await asyncio.to_thread(os.path.lexists, path):
                self._complain(object_key, "it is not a file of its own; links are not followed")
            return False
        if not settled and time.time() - state.written_s < self._settings.settle_s:
            self._settling.stirred(str(path))
            return False
        return await self._take_in(key, object_key, path, state)

    async def _wanted(self, key: CallKey, object_key: str, state: FileState) -> bool:
        """Whether there may be something to do; reads no audio."""
        if await self._transcripts.buried(key):
            return False
        call = await self._transcripts.call(key)
        if call is not None and not await self._ours_to_announce(call, object_key):
            return False
        job = await self._queue.job_of(key)
        if job is None or job.submitted_at < state.changed_s:
            return True
        return job.state is JobState.DONE and (call is None or call.canonical_revision is None)

    async def _ours_to_announce(self, call: Call, object_key: str) -> bool:
        """Not while a live pass runs or its recorder is still to write the recording."""
        if call.status is Status.LIVE:
            return False
        if call.recording is None:
            return call.source != "live"
        if call.recording == object_key:
            return True
        if await asyncio.to_thread(local_path(self._store, call.recording).exists):
            raise Unwelcome(f"the call {call.key.call_id!r} has another recording already")
        return True

    async def _take_in(self, key: CallKey, object_key: str, path: Path, state: FileState) -> bool:
        identity = await identify(path)
        if await asyncio.to_thread(FileState.of, path) != state:
            self._settling.stirred(str(path))  # written to while it was read
            return False
        call = await self._transcripts.call(key)
        language = self._settings.language if call is None else call.language
        began = min(state.written_s, time.time())  # no call begins in the future
        row = NewCall(key, began, 0, "drop", language)
        try:
            await self._transcripts.begin_call(row)
            await self._transcripts.set_recording(key, object_key, None)
        except CallDeleted:
            return False
        if await self._submit_afresh(Job(key, identity.content, object_key, language)):
            log.info("recording_arrived", call=str(key), bytes=state.size)
            return True
        return False

    async def _submit_afresh(self, job: Job) -> bool:
        """Submit, also where an old job of the same bytes is in the way: the recording came
        back after another one, or its transcript is lost."""
        if await self._queue.submit(job):
            return True
        newest = await self._queue.job_of(job.key)
        call = await self._transcripts.call(job.key)
        if newest is None or call is None or not _spent(newest, call, job):
            return False
        await self._queue.forget(job.key)
        return await self._queue.submit(job)

    def _complain(self, object_key: str, reason: str) -> None:
        """Once for each file."""
        if object_key in self._complained:
            return
        if len(self._complained) < 10_000:
            self._complained.add(object_key)
        log.warning(
            "recording_left_alone",
            object=_printable(object_key),
            reason=_printable(reason),
            hint="Name it recordings/TENANT/CALL_ID.wav (or .mp3, .flac, .m4a, …).",
        )


def _spent(newest: JobStatus, call: Call, job: Job) -> bool:
    if newest.job.content != job.content:
        return True
    return newest.state is JobState.DONE and call.canonical_revision is None


def _names_in(directory: Path) -> list[str]:
    """What lies in a directory that is no link; nothing where it is gone or no directory."""
    if directory.is_symlink():
        return []
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _kind(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__


def _printable(name: str) -> str:
    """A file's name may hold anything: bytes that are no text, and ends of lines."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _prepare(directory: Path) -> None:
    """The directory, with a file that keeps the store from tidying it away while it is empty."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ".keep").touch()

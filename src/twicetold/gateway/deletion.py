"""Deleting a call: the tombstone first, so that whatever is still written is refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import structlog
from obstore.store import LocalStore

from twicetold.broker import Topic
from twicetold.errors import CallDeleted, CallNotFound, TwicetoldError, Unavailable
from twicetold.gateway.context import Platform
from twicetold.sessions import State
from twicetold.speech.chunks import LAST_EPOCH, Close
from twicetold.speech.events import Caption, Failed
from twicetold.speech.identity import CallKey
from twicetold.storage import (
    calls_with_remains,
    checkpoints_prefix,
    local_path,
    parts_prefix,
    recording_key,
    redacted_key,
    remove_all,
    waveforms_prefix,
)

log = structlog.get_logger()

_SWEEP_AFTER_S = 5.0
_END_WITHIN_S = 5.0
_RESUME_EVERY_S = 600.0


class Deletions:
    """Removes calls from every carrier. One for the process; ``aclose`` at its end.

    The transcript store keeps a call's burial as unfinished until nothing of it is left, so
    that what a killed process began, or a busy database put off, is carried to its end by the
    next one that looks. Two that do it at once do the same.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._sweeping: dict[CallKey, asyncio.Task[None]] = {}
        self._resuming: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Go on in the background with what was left unfinished, now and whenever there is some."""
        self._resuming = asyncio.create_task(self._resume_often())

    async def delete(self, key: CallKey) -> None:
        """Remove a call; may be repeated. Raises CallNotFound."""
        await self._erase(key, running=await _may_run(self._platform, key))
        log.info("call_deleted", tenant=key.tenant, call_id=key.call_id)

    async def _erase(self, key: CallKey, *, running: bool) -> None:
        platform = self._platform
        await platform.transcripts.bury(key)
        await _tell_followers(platform, key)  # before the live worker can miss the record
        await platform.sessions.remove(key)
        if running:
            await _end(platform, key)
        await platform.queue.forget(key)
        await platform.shadow_orders.forget(key)
        await platform.outbox.forget(key)
        await _delete_sound(platform, key)
        if key not in self._sweeping:
            task = asyncio.create_task(self._sweep(key))
            self._sweeping[key] = task
            task.add_done_callback(lambda _: self._sweeping.pop(key))

    async def _resume_often(self) -> None:
        while not self._stopping.is_set():
            await self._resume()
            await self._erase_remains()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _RESUME_EVERY_S)

    async def _resume(self) -> None:
        try:
            left = await self._platform.transcripts.unfinished_burials()
        except TwicetoldError as error:
            log.warning("deletions_not_resumed", error=error.code)
            return
        for key in left:
            if self._stopping.is_set():
                return
            if key in self._sweeping:  # begun here a moment ago
                continue
            with _unfinished(key):
                await self._erase(key, running=True)  # for all that is known by now
                log.info("deletion_resumed", tenant=key.tenant, call_id=key.call_id)

    async def _erase_remains(self) -> None:
        """Of calls whose deletion is over: of a process that was killed just as it wrote."""
        for key in await asyncio.to_thread(calls_with_remains, self._platform.store):
            if self._stopping.is_set():
                return
            with _unfinished(key):
                if key not in self._sweeping and await self._platform.transcripts.buried(key):
                    await _delete_sound(self._platform, key)
                    log.info("remains_erased", tenant=key.tenant, call_id=key.call_id)

    async def _sweep(self, key: CallKey) -> None:
        """Others may still have written what they had in their hands when the tombstone came:
        once more, when they have seen it. Where the process stops first, the next one will."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), _SWEEP_AFTER_S)
        with _unfinished(key):
            await _delete_sound(self._platform, key)
            await self._platform.outbox.forget(key)
            if not self._stopping.is_set():
                await self._platform.transcripts.finish_burial(key)

    async def aclose(self) -> None:
        """Finish what is due; the carriers are still needed for it."""
        self._stopping.set()
        if self._resuming is not None:
            await self._resuming
        await asyncio.gather(*self._sweeping.values())


@contextlib.contextmanager
def _unfinished(key: CallKey) -> Iterator[None]:
    """What fails in here is left to the next start."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - told, and no other deletion stops for it
        kind = type(error).__name__
        log.warning("deletion_unfinished", tenant=key.tenant, call_id=key.call_id, error=kind)


async def _delete_sound(platform: Platform, key: CallKey) -> None:
    await platform.broker.forget(key)
    await _delete_objects(platform.store, key)


async def _may_run(platform: Platform, key: CallKey) -> bool:
    """Whether other processes may be at work on the call's sound. Raises CallNotFound."""
    record = await platform.sessions.load(key)
    if record is not None:
        return record.state is not State.CLOSED
    if await platform.transcripts.buried(key):
        return True  # what a deletion that came to no end has removed tells nothing any more
    if await platform.transcripts.call(key) is None:
        raise CallNotFound(f"There is no call {key.call_id}.")
    return False


async def _tell_followers(platform: Platform, key: CallKey) -> None:
    gone = CallDeleted(f"The call {key.call_id} was deleted.")
    told = Caption.of(Failed.of(gone))
    await platform.broker.publish(Topic.CAPTIONS, key, told.to_bytes())


async def _end(platform: Platform, key: CallKey) -> None:
    """Its worker and its recorder may be in other processes: they let go of a call that closes,
    and of its sound, once they see that it was buried."""
    close = Close(LAST_EPOCH, 0).to_bytes()
    try:
        async with asyncio.timeout(_END_WITHIN_S):
            await platform.broker.publish(Topic.AUDIO, key, close)
    except TimeoutError:
        raise Unavailable("The broker did not take the call's end.") from None


async def _delete_objects(store: LocalStore, key: CallKey) -> None:
    for prefix in (parts_prefix(key), checkpoints_prefix(key), waveforms_prefix(key)):
        await asyncio.to_thread(remove_all, store, prefix)
    for recording in (recording_key(key, ""), redacted_key(key)):
        await asyncio.to_thread(_delete_recordings, local_path(store, recording).parent, key)


def _delete_recordings(directory: Path, key: CallKey) -> None:
    """In whatever container they are. The store's own listing fails at a single odd name, and
    other programs name files here; a link goes itself, not what it points to."""
    if directory.is_symlink() or not directory.is_dir():
        return
    with os.scandir(directory) as entries:
        found = [entry for entry in entries if PurePosixPath(entry.name).stem == key.call_id]
    for entry in found:
        if not entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)  # noqa: PTH108 - the entry's path is text

"""Deleting a call: the tombstone first, so that whatever is still written is refused."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import PurePosixPath

import obstore
import structlog
from obstore.store import LocalStore

from twicetold.broker import Topic
from twicetold.errors import CallDeleted, CallNotFound, TwicetoldError
from twicetold.gateway.context import Platform
from twicetold.speech.events import Caption, Failed
from twicetold.speech.identity import CallKey
from twicetold.storage import checkpoints_prefix, parts_prefix, recording_key

log = structlog.get_logger()

_SWEEP_AFTER_S = 5.0


class Deletions:
    """Removes calls from every carrier. One for the process; ``aclose`` at its end."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._sweeping: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def delete(self, key: CallKey) -> None:
        """Remove a call; may be repeated. Raises CallNotFound."""
        platform = self._platform
        if not await _is_known(platform, key):
            raise CallNotFound(f"There is no call {key.call_id}.")
        record = await platform.sessions.load(key)
        await platform.transcripts.bury(key)
        await _tell_followers(platform, key)  # before the live worker can miss the record
        await platform.sessions.remove(key)
        await platform.queue.forget(key)
        await _delete_sound(platform, key)
        if record is not None and not record.recorded:
            task = asyncio.create_task(self._sweep(key))
            self._sweeping.add(task)
            task.add_done_callback(self._sweeping.discard)
        log.info("call_deleted", tenant=key.tenant, call_id=key.call_id)

    async def _sweep(self, key: CallKey) -> None:
        """Of a running call, a gateway or a recorder may still have written what it had in its
        hands when the tombstone came: once more, when they have seen it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), _SWEEP_AFTER_S)
        try:
            await _delete_sound(self._platform, key)
        except (TwicetoldError, OSError) as error:
            kind = type(error).__name__
            log.warning("deletion_unfinished", tenant=key.tenant, call_id=key.call_id, error=kind)

    async def aclose(self) -> None:
        """Finish what is due; the carriers are still needed for it."""
        self._stopping.set()
        await asyncio.gather(*self._sweeping)


async def _delete_sound(platform: Platform, key: CallKey) -> None:
    await platform.broker.forget(key)
    await _delete_objects(platform.store, key)


async def _is_known(platform: Platform, key: CallKey) -> bool:
    return (
        await platform.transcripts.call(key) is not None
        or await platform.transcripts.buried(key)
        or await platform.sessions.load(key) is not None
    )


async def _tell_followers(platform: Platform, key: CallKey) -> None:
    gone = CallDeleted(f"The call {key.call_id} was deleted.")
    told = Caption.of(Failed(gone.code, gone.message, gone.hint, gone.retryable))
    await platform.broker.publish(Topic.CAPTIONS, key, told.to_bytes())


async def _delete_objects(store: LocalStore, key: CallKey) -> None:
    found = [path async for path in _objects(store, key)]
    for path in found:
        with contextlib.suppress(FileNotFoundError):  # a repeated deletion was quicker
            await obstore.delete_async(store, path)


async def _objects(store: LocalStore, key: CallKey) -> AsyncIterator[str]:
    """Everything in the store that is the call's, and nothing of one whose id begins alike."""
    for prefix in (parts_prefix(key), checkpoints_prefix(key)):
        async for batch in obstore.list(store, prefix=prefix):
            for meta in batch:
                yield str(meta["path"])
    directory = str(PurePosixPath(recording_key(key, "")).parent)
    listing = await obstore.list_with_delimiter_async(store, prefix=directory)
    for meta in listing["objects"]:
        if PurePosixPath(str(meta["path"])).stem == key.call_id:
            yield str(meta["path"])

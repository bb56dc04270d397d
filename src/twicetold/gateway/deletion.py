"""Deleting a call: the tombstone first, so that whatever is still written is refused."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import PurePosixPath

import obstore
import structlog
from obstore.store import LocalStore

from twicetold.broker import Topic
from twicetold.errors import CallDeleted, CallNotFound
from twicetold.gateway.context import Platform
from twicetold.speech.events import Caption, Failed
from twicetold.speech.identity import CallKey
from twicetold.storage import checkpoints_prefix, parts_prefix, recording_key

log = structlog.get_logger()


async def delete_call(platform: Platform, key: CallKey) -> None:
    """Remove a call from every carrier; may be repeated. Raises CallNotFound."""
    if not await _is_known(platform, key):
        raise CallNotFound(f"There is no call {key.call_id}.")
    await platform.transcripts.bury(key)
    await platform.sessions.remove(key)
    await platform.queue.forget(key)
    await _tell_followers(platform, key)
    await platform.broker.forget(key)
    await _delete_objects(platform.store, key)
    # What a gateway or a recorder had in its hands meanwhile, before it saw the tombstone.
    await platform.broker.forget(key)
    log.info("call_deleted", tenant=key.tenant, call_id=key.call_id)


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

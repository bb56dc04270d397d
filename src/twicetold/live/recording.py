"""Parts in object storage, and the one WAV that they become when the call is over."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import obstore
from obstore.store import LocalStore

from twicetold.errors import DiskFull, Unavailable
from twicetold.live.spool import PART_S
from twicetold.speech.identity import CallKey
from twicetold.speech.wav import wav_head
from twicetold.storage import part_key, parts_prefix, recording_key

_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished recording: its object key, hex SHA-256, and length."""

    object_key: str
    content: str
    length_s: float


def part_bytes(rate: int, channels: int) -> int:
    return PART_S * rate * channels * 2


async def stored_parts(store: LocalStore, key: CallKey) -> dict[int, int]:
    """Part number → bytes."""
    sizes: dict[int, int] = {}
    async for batch in obstore.list(store, prefix=parts_prefix(key)):
        for meta in batch:
            sizes[int(str(meta["path"]).rsplit("/", 1)[1])] = meta["size"]
    return sizes


async def store_part(store: LocalStore, key: CallKey, number: int, pcm: bytes) -> None:
    """Repeating a part writes the same bytes again."""
    try:
        await obstore.put_async(store, part_key(key, number), pcm)
    except (OSError, obstore.exceptions.BaseError) as error:
        raise _storage_error(error) from error


async def assemble(store: LocalStore, key: CallKey, rate: int, channels: int) -> Recording | None:
    """Stream the parts into one WAV, check its length, and return it; None where there are none.

    Safe to repeat: the file appears under its name only when it is whole.
    """
    sizes = await stored_parts(store, key)
    total = sum(sizes.values())
    if total == 0:
        return None
    head = wav_head(rate, channels, total)
    target = recording_key(key)
    digest = hashlib.sha256()
    try:
        async with obstore.open_writer_async(store, target) as writer:
            async for piece in _pieces(store, key, head, sorted(sizes)):
                await asyncio.to_thread(digest.update, piece)
                await writer.write(piece)
        written = (await obstore.head_async(store, target))["size"]
    except (OSError, obstore.exceptions.BaseError) as error:
        raise _storage_error(error) from error
    if written != len(head) + total:
        raise Unavailable(f"The recording of {key.call_id} came out at a wrong length.")
    return Recording(target, digest.hexdigest(), total / (2 * channels * rate))


async def remove_parts(store: LocalStore, key: CallKey) -> None:
    numbers = await stored_parts(store, key)
    if numbers:
        await obstore.delete_async(store, [part_key(key, number) for number in numbers])


async def _pieces(
    store: LocalStore, key: CallKey, head: bytes, numbers: list[int]
) -> AsyncIterator[bytes]:
    yield head
    for number in numbers:
        found = await obstore.get_async(store, part_key(key, number))
        async for piece in found.stream(min_chunk_size=_PIECE_BYTES):
            yield bytes(piece)


def _storage_error(error: Exception) -> Unavailable:
    if "No space left" in str(error):
        return DiskFull("The store's disk is full.")
    return Unavailable("The object store did not take the recording.", "See the server's log.")

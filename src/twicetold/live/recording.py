"""Parts in object storage, and the one WAV that they become when the call is over."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from twicetold.errors import DiskFull, TwicetoldError, Unavailable
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
    return await asyncio.to_thread(_stored_parts, store, key)


async def store_part(store: LocalStore, key: CallKey, number: int, pcm: bytes) -> None:
    """Repeating a part writes the same bytes again. Raises DiskFull or Unavailable."""
    try:
        await asyncio.to_thread(store.put, part_key(key, number), pcm)
    except (OSError, BaseError) as error:
        raise _storage_error(error) from error


async def assemble(store: LocalStore, key: CallKey, rate: int, channels: int) -> Recording | None:
    """Stream the parts into one WAV, check its length, and return it; None where there are none.

    Safe to repeat: the file appears under its name only when it is whole.
    """
    try:
        return await asyncio.to_thread(_assemble, store, key, rate, channels)
    except (OSError, BaseError) as error:
        if isinstance(error, TwicetoldError):
            raise
        raise _storage_error(error) from error


async def remove_parts(store: LocalStore, key: CallKey) -> None:
    numbers = await stored_parts(store, key)
    if numbers:
        await asyncio.to_thread(store.delete, [part_key(key, number) for number in numbers])


# In a thread, not with obstore's own async verbs: a process that ends while those are at
# work may be aborted.


def _stored_parts(store: LocalStore, key: CallKey) -> dict[int, int]:
    return {
        int(str(meta["path"]).rsplit("/", 1)[1]): meta["size"]
        for batch in store.list(prefix=parts_prefix(key))
        for meta in batch
    }


def _assemble(store: LocalStore, key: CallKey, rate: int, channels: int) -> Recording | None:
    sizes = _stored_parts(store, key)
    total = sum(sizes.values())
    if total == 0:
        return None
    head = wav_head(rate, channels, total)
    target = recording_key(key)
    digest = hashlib.sha256()
    with obstore.open_writer(store, target) as writer:
        for piece in _pieces(store, key, head, sorted(sizes)):
            digest.update(piece)
            writer.write(piece)
    if store.head(target)["size"] != len(head) + total:
        raise Unavailable(f"The recording of {key.call_id} came out at a wrong length.")
    return Recording(target, digest.hexdigest(), total / (2 * channels * rate))


def _pieces(store: LocalStore, key: CallKey, head: bytes, numbers: list[int]) -> Iterator[bytes]:
    yield head
    for number in numbers:
        for piece in store.get(part_key(key, number)).stream(min_chunk_size=_PIECE_BYTES):
            yield bytes(piece)


def _storage_error(error: Exception) -> Unavailable:
    if "No space left" in str(error):
        return DiskFull("The store's disk is full.")
    return Unavailable("The object store did not take the recording.", "See the server's log.")

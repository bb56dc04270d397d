"""Parts in object storage, and the one WAV that they become when the call is over."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from twicetold.descriptors import exhausted
from twicetold.errors import Corrupt, DiskFull, TwicetoldError, Unavailable
from twicetold.live.spool import PART_S
from twicetold.speech.identity import CallKey
from twicetold.speech.wav import wav_head
from twicetold.storage import (
    local_path,
    part_key,
    parts_prefix,
    recording_key,
    remove_all,
    sync_object,
)

_PIECE_BYTES = 1024 * 1024
_KEPT = "Its parts are kept, under parts/ in the object store."

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished recording: its object key, hex SHA-256, and length."""

    object_key: str
    content: str
    length_s: float


def part_bytes(rate: int, channels: int) -> int:
    return PART_S * rate * channels * 2


async def stored_parts(store: LocalStore, key: CallKey) -> dict[int, int]:
    """Part number → bytes. Raises Unavailable."""
    return await _in_thread(_stored_parts, store, key)


async def store_part(store: LocalStore, key: CallKey, number: int, pcm: bytes) -> None:
    """Repeating a part writes the same bytes again. Raises DiskFull or Unavailable."""
    await _in_thread(_store_part, store, key, number, pcm)


async def assemble(
    store: LocalStore, key: CallKey, rate: int, channels: int, samples: int | None = None
) -> Recording | None:
    """Stream the parts into one WAV, check its length, and return it; None where there are none.
    ``samples`` is how long it must be, where that is known.

    The file appears under its name only when it is whole, and is on the disk when this returns.
    Raises DiskFull or Unavailable, and Corrupt where a part is missing or the length comes out
    wrong.
    """
    return await _in_thread(_assemble, store, key, rate, channels, samples)


async def remove_parts(store: LocalStore, key: CallKey) -> None:
    """Raises Unavailable."""
    await _in_thread(remove_all, store, parts_prefix(key))


async def erase(store: LocalStore, key: CallKey) -> None:
    """Remove what was written of a call, whether parts or all of it. Raises Unavailable."""
    await remove_parts(store, key)
    await _in_thread(_remove_recording, store, key)


async def _in_thread(work: Callable[..., T], *arguments: object) -> T:
    try:
        return await asyncio.to_thread(work, *arguments)
    except TwicetoldError:
        raise
    except (OSError, BaseError) as error:
        if "No space left" in str(error):
            raise DiskFull("The store's disk is full.") from error
        if (overloaded := exhausted(error)) is not None:
            raise overloaded from error
        hint = "See the server's log; it is tried again."
        raise Unavailable("The object store did not take the recording.", hint) from error


# In a thread, not with obstore's own async verbs: a process that ends while those are at
# work may be aborted.


def _stored_parts(store: LocalStore, key: CallKey) -> dict[int, int]:
    return {
        int(str(meta["path"]).rsplit("/", 1)[1]): meta["size"]
        for batch in store.list(prefix=parts_prefix(key))
        for meta in batch
    }


def _store_part(store: LocalStore, key: CallKey, number: int, pcm: bytes) -> None:
    store.put(part_key(key, number), pcm)
    sync_object(store, part_key(key, number))


def _remove_recording(store: LocalStore, key: CallKey) -> None:
    local_path(store, recording_key(key)).unlink(missing_ok=True)


def _assemble(
    store: LocalStore, key: CallKey, rate: int, channels: int, samples: int | None
) -> Recording | None:
    sizes = _stored_parts(store, key)
    total = sum(sizes.values())
    if total == 0 and not samples:
        return None
    _check_whole(key, sizes, part_bytes(rate, channels))
    if samples is not None and total != samples * 2 * channels:
        raise Corrupt(f"Parts of the recording of {key.call_id} are missing.", _KEPT)
    head = wav_head(rate, channels, total)
    target = recording_key(key)
    digest = hashlib.sha256()
    with obstore.open_writer(store, target) as writer:
        for piece in _pieces(store, key, head, sorted(sizes)):
            digest.update(piece)
            writer.write(piece)
    if store.head(target)["size"] != len(head) + total:
        raise Corrupt(f"The recording of {key.call_id} came out at a wrong length.", _KEPT)
    sync_object(store, target)
    return Recording(target, digest.hexdigest(), total / (2 * channels * rate))


def _check_whole(key: CallKey, sizes: dict[int, int], full: int) -> None:
    """All parts from the first on, all but the last one full: a recorder that slept while another
    one finished would find what it wrote itself since, and nothing before."""
    numbers = sorted(sizes)
    if numbers != list(range(len(numbers))) or any(sizes[n] != full for n in numbers[:-1]):
        raise Corrupt(f"Parts of the recording of {key.call_id} are missing.", _KEPT)


def _pieces(store: LocalStore, key: CallKey, head: bytes, numbers: list[int]) -> Iterator[bytes]:
    yield head
    for number in numbers:
        for piece in store.get(part_key(key, number)).stream(min_chunk_size=_PIECE_BYTES):
            yield bytes(piece)

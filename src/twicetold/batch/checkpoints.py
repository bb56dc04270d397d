"""Finished chunks: what a job that died goes on from, and what its transcript is made of."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from twicetold.batch.chunking import Chunk
from twicetold.batch.tongues import FoundLanguage
from twicetold.enrich.steps import Packed
from twicetold.errors import CallDeleted, DiskFull, LeaseLost, Unavailable
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Segment
from twicetold.storage import (
    checkpoint_key,
    checkpoints_prefix,
    language_key,
    local_path,
    remove_all,
    stage_key,
)

log = structlog.get_logger()

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class FinishedChunk:
    """What the engine heard in one chunk, and what that cost. Segments are numbered 0.

    ``adaptation``: for the channel's next chunk, of engines that hear them in order.
    """

    start_sample: int
    samples: int
    compute_s: float
    segments: tuple[Segment, ...]
    adaptation: str | None = None

    @classmethod
    def of(
        cls,
        chunk: Chunk,
        segments: Sequence[Segment],
        compute_s: float,
        adaptation: str | None = None,
    ) -> FinishedChunk:
        samples = len(chunk.pcm) // 2
        return cls(chunk.start_sample, samples, compute_s, tuple(segments), adaptation)

    def fits(self, chunk: Chunk) -> bool:
        """Whether it was made from the same stretch of sound."""
        return (self.start_sample, self.samples) == (chunk.start_sample, len(chunk.pcm) // 2)

    def to_json(self) -> bytes:
        body: dict[str, Any] = {
            "start_sample": self.start_sample,
            "samples": self.samples,
            "compute_s": round(self.compute_s, 4),
            "segments": [segment.to_dict() for segment in self.segments],
        }
        if self.adaptation is not None:
            body["adaptation"] = self.adaptation
        return json.dumps(body, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, body: bytes) -> FinishedChunk:
        """Raises ValueError, KeyError or TypeError for anything that ``to_json`` did not write."""
        parsed = json.loads(body)
        return cls(
            parsed["start_sample"],
            parsed["samples"],
            parsed["compute_s"],
            tuple(Segment.from_dict(segment) for segment in parsed["segments"]),
            parsed.get("adaptation"),
        )


class Checkpoints(Protocol):
    """Where finished chunks are kept, by number, languages that were found, by channel, and what
    stages of enrichment made, by name and by what that depends on."""

    async def load(self, number: int) -> FinishedChunk | None: ...

    async def save(self, number: int, finished: FinishedChunk) -> None: ...

    async def load_language(self, channel: int) -> FoundLanguage | None: ...

    async def save_language(self, channel: int, found: FoundLanguage) -> None: ...

    async def load_stage(self, stage: str, settings: str) -> Packed | None: ...

    async def save_stage(self, stage: str, settings: str, made: Packed) -> None: ...


@dataclass(slots=True)
class KeptChunks:
    """In memory, for a transcript that nobody will go on with."""

    _chunks: dict[int, FinishedChunk] = field(default_factory=dict)
    _languages: dict[int, FoundLanguage] = field(default_factory=dict)

    async def load(self, number: int) -> FinishedChunk | None:
        return self._chunks.get(number)

    async def save(self, number: int, finished: FinishedChunk) -> None:
        self._chunks[number] = finished

    async def load_language(self, channel: int) -> FoundLanguage | None:
        return self._languages.get(channel)

    async def save_language(self, channel: int, found: FoundLanguage) -> None:
        self._languages[channel] = found

    async def load_stage(self, stage: str, settings: str) -> Packed | None:
        return None

    async def save_stage(self, stage: str, settings: str, made: Packed) -> None:
        """Not kept: whoever wants it has it."""


class StoredCheckpoints:
    """In object storage, under the recording's content and the plan.

    obstore's blocking verbs in threads: a process that exits soon after one of its
    ``async`` verbs now and then dies of SIGABRT (its runtime reports to an interpreter
    that is gone).
    """

    def __init__(
        self,
        store: LocalStore,
        key: CallKey,
        content: str,
        plan: str,
        allowed: Callable[[], Awaitable[None]],
    ) -> None:
        """``allowed`` raises CallDeleted where the call's tombstone stands, LeaseLost where the job
        has come to its end by another's hands."""
        self._store, self._key, self._content, self._plan = store, key, content, plan
        self._allowed = allowed

    async def load(self, number: int) -> FinishedChunk | None:
        path = checkpoint_key(self._key, self._content, self._plan, number)
        return await self._load(path, FinishedChunk.from_json)

    async def save(self, number: int, finished: FinishedChunk) -> None:
        path = checkpoint_key(self._key, self._content, self._plan, number)
        await self._save(path, finished.to_json())

    async def load_language(self, channel: int) -> FoundLanguage | None:
        path = language_key(self._key, self._content, self._plan, channel)
        return await self._load(path, FoundLanguage.from_json)

    async def save_language(self, channel: int, found: FoundLanguage) -> None:
        path = language_key(self._key, self._content, self._plan, channel)
        await self._save(path, found.to_json())

    async def load_stage(self, stage: str, settings: str) -> Packed | None:
        path = stage_key(self._key, self._content, self._plan, stage, settings)
        return await self._load(path, Packed.from_bytes)

    async def save_stage(self, stage: str, settings: str, made: Packed) -> None:
        path = stage_key(self._key, self._content, self._plan, stage, settings)
        await self._save(path, made.body)

    async def _load(self, path: str, parsed: Callable[[bytes], Kept]) -> Kept | None:
        try:
            body = await asyncio.to_thread(_read, self._store, path)
        except FileNotFoundError:
            return None
        try:
            return parsed(body)
        except (ValueError, KeyError, TypeError):
            log.warning("checkpoint_unreadable", object=path, hint="It is done again.")
            return None

    async def _save(self, path: str, body: bytes) -> None:
        await self._allowed()
        try:
            await asyncio.to_thread(self._store.put, path, body)
        except (BaseError, OSError) as error:
            raise _unwritable(error) from error
        try:
            await self._allowed()
        except CallDeleted:  # while it was written: whoever deleted the call has cleared up before
            await self.clear()
            raise
        except LeaseLost:  # so has whoever ended the job
            await asyncio.to_thread(_unlink, self._store, path)
            raise

    async def clear(self) -> None:
        """Remove all of the call's checkpoints, whatever their content and plan."""
        await clear_checkpoints(self._store, self._key)


async def clear_checkpoints(store: LocalStore, key: CallKey) -> None:
    """Remove all of a call's checkpoints, whatever their content and plan."""
    await asyncio.to_thread(remove_all, store, checkpoints_prefix(key))


def _unlink(store: LocalStore, path: str) -> None:
    local_path(store, path).unlink(missing_ok=True)


def _read(store: LocalStore, path: str) -> bytes:
    return bytes(store.get(path).bytes())


def _unwritable(error: Exception) -> Unavailable:
    if "No space left" in str(error):
        return DiskFull("A finished chunk could not be written: the disk is full.")
    return Unavailable(
        "A finished chunk could not be written.", "Look at the data directory's permissions."
    )


async def in_time_order(
    checkpoints: Checkpoints, numbers: Sequence[Sequence[int]]
) -> AsyncGenerator[Segment, None]:
    """All segments by start time, numbered from 1; one chunk per channel in memory.

    ``numbers``: for each channel the numbers of its chunks, in time order. Raises
    Unavailable where a chunk is missing.
    """
    streams = [_channel(checkpoints, channel) for channel in numbers]
    waiting: list[tuple[float, int, Segment]] = []
    for index, stream in enumerate(streams):
        await _push(waiting, index, stream)
    number = 0
    while waiting:
        _, index, segment = heapq.heappop(waiting)
        await _push(waiting, index, streams[index])
        number += 1
        yield replace(segment, number=number)


async def _channel(checkpoints: Checkpoints, numbers: Sequence[int]) -> AsyncIterator[Segment]:
    for number in numbers:
        finished = await checkpoints.load(number)
        if finished is None:
            raise Unavailable(
                f"The finished chunk {number} is gone.", "The job is tried again by itself."
            )
        for segment in finished.segments:
            yield segment


async def _push(
    waiting: list[tuple[float, int, Segment]], index: int, stream: AsyncIterator[Segment]
) -> None:
    segment = await anext(stream, None)
    if segment is not None:
        heapq.heappush(waiting, (segment.start, index, segment))

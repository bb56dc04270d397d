"""The stages of the batch pass. Each takes the transcript one step on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

import structlog

from twicetold.batch.checkpoints import FinishedChunk
from twicetold.batch.chunking import Chunk, ChunkingSettings
from twicetold.batch.listening import Listener
from twicetold.batch.places import EnginePlaces
from twicetold.batch.placing import segments_of
from twicetold.batch.transcript import Transcript
from twicetold.engines import Sound, Transcriber, VoiceActivity
from twicetold.errors import EmptyAudio, EngineHostDied
from twicetold.media import Decoder, FileDecoding
from twicetold.speech.transcript import Hypothesis, Segment

log = structlog.get_logger()

_TRIES = 3  # of a chunk whose engine host died under it


class Decode:
    """Opens the recording and lays the stream of its chunks, which is decoded as it is read."""

    name = "decode"

    def __init__(
        self, decoder: Decoder, activity: VoiceActivity, settings: ChunkingSettings
    ) -> None:
        self._decoder, self._activity, self._settings = decoder, activity, settings

    async def run(self, transcript: Transcript) -> None:
        """Raises what is wrong with the recording's beginning: NotAudio, EmptyAudio, …"""
        decoding = await self._decoder.open_file(transcript.path)
        transcript.resources.push_async_callback(decoding.aclose)
        info = decoding.info
        transcript.layout_channels = info.channels
        transcript.progress.total_s = info.length_s or 0.0
        listener = Listener(self._activity, info.rate, info.channels, self._settings)
        chunks = self._chunks(transcript, decoding, listener)
        transcript.resources.push_async_callback(chunks.aclose)
        transcript.chunks = chunks

    async def _chunks(
        self, transcript: Transcript, decoding: FileDecoding, listener: Listener
    ) -> AsyncGenerator[Chunk, None]:
        async for pcm in decoding.blocks():
            for chunk in await asyncio.to_thread(listener.hear, pcm):
                yield chunk
            transcript.progress.decoded(listener.held_from_s)
        for chunk in await asyncio.to_thread(listener.finish):
            yield chunk
        if listener.heard_s == 0.0:
            raise EmptyAudio("The recording holds no sound.")
        transcript.length_s, transcript.channels = listener.heard_s, listener.voices
        transcript.progress.decoded(listener.heard_s)


class Transcribe:
    """Has every chunk transcribed that is not finished yet; the engine's places stay busy."""

    name = "transcribe"

    def __init__(self, engine: Transcriber, places: EnginePlaces) -> None:
        self._engine, self._places = engine, places

    async def run(self, transcript: Transcript) -> None:
        assert transcript.chunks is not None, "decode comes first"
        try:
            async with asyncio.TaskGroup() as group:
                async for chunk in transcript.chunks:
                    counts = transcript.chunk_counts
                    counts[chunk.channel] = counts.get(chunk.channel, 0) + 1
                    await self._start(group, transcript, chunk)
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from group_error
        transcript.progress.complete(transcript.length_s)

    async def _start(self, group: asyncio.TaskGroup, transcript: Transcript, chunk: Chunk) -> None:
        finished = await transcript.checkpoints.load(chunk.number)
        if finished is not None and finished.fits(chunk):
            transcript.compute_s += finished.compute_s
            return
        await self._places.acquire()
        transcript.progress.began(chunk)
        group.create_task(self._one(transcript, chunk))

    async def _one(self, transcript: Transcript, chunk: Chunk) -> None:
        async with self._places.turn() as turn:
            hypothesis = await self._hear(chunk, transcript.language)
        finished = FinishedChunk.of(chunk, segments_of(chunk, hypothesis), turn.compute_s)
        await transcript.checkpoints.save(chunk.number, finished)
        transcript.compute_s += turn.compute_s
        transcript.progress.finished(chunk)

    async def _hear(self, chunk: Chunk, language: str) -> Hypothesis:
        for attempt in range(1, _TRIES + 1):
            try:
                [hypothesis] = await self._engine.transcribe(
                    [Sound(chunk.pcm, chunk.rate)], language
                )
                return hypothesis
            except EngineHostDied:
                if attempt == _TRIES:
                    raise
                log.warning("engine_host_died", chunk=chunk.number, attempt=attempt)
        raise AssertionError("unreachable")


class Publish:
    """Hands the finished segments on, in time order."""

    name = "publish"

    def __init__(
        self, save: Callable[[Transcript, AsyncIterator[Segment]], Awaitable[None]]
    ) -> None:
        self._save = save

    async def run(self, transcript: Transcript) -> None:
        async with contextlib.aclosing(transcript.segments()) as segments:
            await self._save(transcript, segments)

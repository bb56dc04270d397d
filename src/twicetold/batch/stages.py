"""The stages of the batch pass. Each takes the transcript one step on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import structlog

from twicetold.batch.checkpoints import FinishedChunk
from twicetold.batch.chunking import Chunk, ChunkingSettings
from twicetold.batch.diarizing import ByVoice
from twicetold.batch.learning import Learning
from twicetold.batch.listening import Listener
from twicetold.batch.places import EnginePlaces, Turn
from twicetold.batch.placing import segments_of
from twicetold.batch.tongues import FoundLanguage, Tongue, Tongues, joined
from twicetold.batch.transcript import Transcript
from twicetold.engines import NOTHING_EXPECTED, Expected, Sound, Transcriber, VoiceActivity
from twicetold.errors import EmptyAudio, EngineHostDied
from twicetold.media import Decoder, FileDecoding
from twicetold.speech.transcript import Hypothesis, Segment

log = structlog.get_logger()

_TRIES = 3  # of a chunk whose engine host died under it


class Decode:
    """Opens the recording and lays the stream of its chunks, which is decoded as it is read."""

    name = "decode"

    def __init__(
        self,
        decoder: Decoder,
        activity: VoiceActivity,
        settings: ChunkingSettings,
        by_voice: ByVoice | None = None,
    ) -> None:
        """``by_voice`` hears the first channel as well."""
        self._decoder, self._activity, self._settings = decoder, activity, settings
        self._by_voice = by_voice

    async def run(self, transcript: Transcript) -> None:
        """Raises what is wrong with the recording's beginning: NotAudio, EmptyAudio, …"""
        decoding = await self._decoder.open_file(transcript.path)
        transcript.resources.push_async_callback(decoding.aclose)
        info = decoding.info
        transcript.layout_channels = info.channels
        transcript.progress.total_s = info.length_s or 0.0
        listener = Listener(
            self._activity, info.rate, info.channels, self._settings, self._by_voice
        )
        chunks = self._chunks(transcript, decoding, listener)
        transcript.resources.push_async_callback(chunks.aclose)
        if self._by_voice is not None:
            transcript.resources.callback(self._by_voice.close)
        transcript.chunks = chunks

    async def hear_again(self, transcript: Transcript) -> None:
        """All of it, for ``by_voice`` alone: what the chunks are made of stands. Raises what is
        wrong with the recording by now."""
        await self.run(transcript)
        assert transcript.chunks is not None
        async for _ in transcript.chunks:
            pass

    async def _chunks(
        self, transcript: Transcript, decoding: FileDecoding, listener: Listener
    ) -> AsyncGenerator[Chunk, None]:
        async for pcm in decoding.blocks():
            for chunk in await asyncio.to_thread(listener.hear, pcm):
                yield chunk
            transcript.progress.decoded(listener.held_from_s)
            if self._by_voice is not None:
                await self._by_voice.hand_on()
        for chunk in await asyncio.to_thread(listener.finish):
            yield chunk
        if listener.heard_s == 0.0:
            raise EmptyAudio("The recording holds no sound.")
        transcript.length_s, transcript.channels = listener.heard_s, listener.voices
        transcript.progress.decoded(listener.heard_s)


class Transcribe:
    """Has every chunk transcribed that is not finished yet; the engine's places stay busy.

    Where the language is to be found out, by an engine that says which it is, a channel's chunks
    wait until that is settled; see ``tongues``. Chunks of other channels go on meanwhile.
    """

    name = "transcribe"

    def __init__(
        self, engine: Transcriber, places: EnginePlaces, expected: Expected = NOTHING_EXPECTED
    ) -> None:
        self._engine, self._places, self._expected = engine, places, expected

    async def run(self, transcript: Transcript) -> None:
        assert transcript.chunks is not None, "decode comes first"
        try:
            async with asyncio.TaskGroup() as group:
                run = _Run(transcript, group, Learning(self._engine.info.in_order))
                await self._start_all(run, transcript.chunks)
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from group_error
        transcript.progress.complete(transcript.length_s)

    async def _start_all(self, run: _Run, chunks: AsyncIterator[Chunk]) -> None:
        language, enough_s = run.transcript.language, self._engine.info.language_after_s
        tongues = Tongues(enough_s if language == "auto" else 0.0)
        async for chunk in chunks:
            counts = run.transcript.chunk_counts
            counts[chunk.channel] = counts.get(chunk.channel, 0) + 1
            if not tongues.wanted:
                await self._start(run, chunk, language)
                continue
            tongue = tongues.of(chunk.channel)
            if tongue.begun:
                # Shielded: who is cancelled here must not cancel what another task is to settle.
                await self._start(run, chunk, await asyncio.shield(tongue.language))
                continue
            tongue.held.append(chunk)
            if tongues.enough(chunk.channel):
                self._begin(run, chunk.channel, tongue)
        for channel in tongues.unbegun():
            self._begin(run, channel, tongues.of(channel))

    def _begin(self, run: _Run, channel: int, tongue: Tongue) -> None:
        tongue.begun = True
        held, tongue.held = tongue.held, []
        run.group.create_task(self._settle(run, channel, held, tongue.language))

    async def _settle(
        self, run: _Run, channel: int, held: list[Chunk], settled: asyncio.Future[str]
    ) -> None:
        """Find the language of a channel by its first chunks, then have these transcribed."""
        checkpoints = run.transcript.checkpoints
        for chunk in held:  # not while they are held: that may be for as long as others talk
            run.transcript.progress.began(chunk)
        found = await checkpoints.load_language(channel)
        if found is None:
            found, heard = await self._found(run, held)
            await checkpoints.save_language(channel, found)
            if len(held) == 1:  # what it was found by is its first chunk: the words are told too
                await self._finish(run, held.pop(), *heard)
        run.transcript.compute_s += found.compute_s
        run.transcript.languages[channel] = found.language
        for chunk in held:
            await self._start(run, chunk, found.language)
        settled.set_result(found.language)  # those behind them begin behind them

    async def _found(
        self, run: _Run, held: list[Chunk]
    ) -> tuple[FoundLanguage, tuple[Hypothesis, float]]:
        """The language of these chunks as one stretch; what was heard in it, and the cost."""
        unsettled = run.transcript.language
        await self._places.acquire()
        async with self._turn(run.transcript) as turn:
            hypothesis = await self._hear(joined(held), held[0], unsettled)
        besides_s = turn.compute_s if len(held) > 1 else 0.0
        found = FoundLanguage(hypothesis.language or unsettled, besides_s)
        return found, (hypothesis, turn.compute_s)

    async def _start(self, run: _Run, chunk: Chunk, language: str) -> None:
        transcript = run.transcript
        finished = await transcript.checkpoints.load(chunk.number)
        adaptation = await run.learning.before(chunk)
        if finished is not None and finished.fits(chunk):
            run.learning.after(chunk, finished.adaptation)
            transcript.compute_s += finished.compute_s
            transcript.progress.finished(chunk)
            return
        await self._places.acquire()
        transcript.progress.began(chunk)
        run.group.create_task(self._one(run, chunk, language, adaptation))

    @contextlib.asynccontextmanager
    async def _turn(self, transcript: Transcript) -> AsyncIterator[Turn]:
        """A place's turn, noted as spent however it ends."""
        turn: Turn | None = None
        try:
            async with self._places.turn() as turn:
                yield turn
        finally:
            transcript.spent_s += turn.compute_s if turn is not None else 0.0

    async def _one(self, run: _Run, chunk: Chunk, language: str, adaptation: str | None) -> None:
        async with self._turn(run.transcript) as turn:
            hypothesis = await self._hear(chunk.pcm, chunk, language, adaptation)
        await self._finish(run, chunk, hypothesis, turn.compute_s)

    async def _finish(
        self, run: _Run, chunk: Chunk, hypothesis: Hypothesis, compute_s: float
    ) -> None:
        transcript, learnt = run.transcript, run.learning.kept(hypothesis.adaptation)
        finished = FinishedChunk.of(chunk, segments_of(chunk, hypothesis), compute_s, learnt)
        await transcript.checkpoints.save(chunk.number, finished)
        run.learning.after(chunk, learnt)
        transcript.compute_s += compute_s
        transcript.progress.finished(chunk)

    async def _hear(
        self, pcm: bytes, chunk: Chunk, language: str, adaptation: str | None = None
    ) -> Hypothesis:
        sound = Sound(pcm, chunk.rate, self._expected, adaptation)
        for attempt in range(1, _TRIES + 1):
            try:
                [hypothesis] = await self._engine.transcribe([sound], language)
                return hypothesis
            except EngineHostDied:
                if attempt == _TRIES:
                    raise
                log.warning("engine_host_died", chunk=chunk.number, attempt=attempt)
        raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True)
class _Run:
    """A transcript in the making, and the tasks that work on it."""

    transcript: Transcript
    group: asyncio.TaskGroup
    learning: Learning


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

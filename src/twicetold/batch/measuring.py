"""What the batch pass costs over the engine alone: the figures of ``bench batch``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twicetold.batch.checkpoints import KeptChunks
from twicetold.batch.chunking import Chunk, ChunkingSettings
from twicetold.batch.pipeline import Tools, transcribe_file
from twicetold.batch.plan import chunking_for, spoken_language
from twicetold.batch.stages import Decode
from twicetold.batch.transcript import Transcript
from twicetold.engines import Sound

_WARM_RATE = 16_000


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """Seconds of wall time, each part by itself; ``wall_s`` is the whole pass.

    ``listen_s`` is decoding, finding speech and cutting it into chunks; ``engine_s`` is those
    chunks handed straight to the engine.
    """

    file: str
    audio_s: float
    speech_s: float
    channels: int
    chunks: int
    hosts: int
    decode_s: float
    listen_s: float
    engine_s: float
    wall_s: float

    @property
    def rtfx(self) -> float:
        """Audio seconds for each second that the whole pass takes."""
        return self.audio_s / self.wall_s

    @property
    def overhead(self) -> float:
        """The whole pass against the engine alone; NaN where there was nothing to hear."""
        return self.wall_s / self.engine_s if self.chunks else float("nan")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"rtfx": self.rtfx, "overhead": self.overhead}


async def measure(
    path: Path, tools: Tools, *, language: str, settings: ChunkingSettings
) -> BatchFigures:
    """Run the parts of the pass over one file, then the whole. Keeps the file's speech in memory.

    The engine should be warm (see ``warm_up``). Raises what ``transcribe_file`` raises.
    """
    language = spoken_language(language, tools.engine.info)
    settings = chunking_for(settings, tools.engine.info)
    decode_s = await _timed(_decode(path, tools))
    chunks: list[Chunk] = []
    listen_s = await _timed(_listen(path, tools, settings, chunks))
    sounds = [Sound(chunk.pcm, chunk.rate) for chunk in chunks]
    began = time.perf_counter()
    await tools.engine.transcribe(sounds, language)
    engine_s = time.perf_counter() - began
    began = time.perf_counter()
    transcript = await transcribe_file(path, tools, language=language, settings=settings)
    return BatchFigures(
        file=path.name,
        audio_s=transcript.length_s,
        speech_s=sum(sound.seconds for sound in sounds),
        channels=transcript.channels,
        chunks=len(chunks),
        hosts=tools.engine.workers,
        decode_s=decode_s,
        listen_s=listen_s,
        engine_s=engine_s,
        wall_s=time.perf_counter() - began,
    )


def total(figures: Sequence[BatchFigures]) -> BatchFigures:
    """All files, worked on one after another, as one."""
    return BatchFigures(
        file="all",
        audio_s=sum(each.audio_s for each in figures),
        speech_s=sum(each.speech_s for each in figures),
        channels=max(each.channels for each in figures),
        chunks=sum(each.chunks for each in figures),
        hosts=figures[0].hosts,
        decode_s=sum(each.decode_s for each in figures),
        listen_s=sum(each.listen_s for each in figures),
        engine_s=sum(each.engine_s for each in figures),
        wall_s=sum(each.wall_s for each in figures),
    )


async def warm_up(tools: Tools, language: str) -> None:
    """Have every host load what it loads on first use: noise that says nothing."""
    noise = np.random.default_rng(7).normal(0, 300, _WARM_RATE).astype("<i2").tobytes()
    sounds = [Sound(noise, _WARM_RATE)] * tools.engine.parallel
    await tools.engine.transcribe(sounds, spoken_language(language, tools.engine.info))
    tools.activity.probabilities(tools.activity.start(_WARM_RATE), b"")


async def _timed(parts: AsyncIterator[object]) -> float:
    began = time.perf_counter()
    async for _ in parts:
        pass
    return time.perf_counter() - began


async def _decode(path: Path, tools: Tools) -> AsyncIterator[bytes]:
    async with AsyncExitStack() as stack:
        decoding = await tools.decoder.open_file(path)
        stack.push_async_callback(decoding.aclose)
        async for block in decoding.blocks():
            yield block


async def _listen(
    path: Path, tools: Tools, settings: ChunkingSettings, chunks: list[Chunk]
) -> AsyncIterator[Chunk]:
    transcript = Transcript(path, "", KeptChunks())
    async with transcript.resources:
        await Decode(tools.decoder, tools.activity, settings).run(transcript)
        assert transcript.chunks is not None
        async for chunk in transcript.chunks:
            chunks.append(chunk)
            yield chunk

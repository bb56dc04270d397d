"""The batch pass as a list of named stages over one transcript, and the pass over a file."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from twicetold.batch.checkpoints import KeptChunks
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.diarizing import ByVoice, Diarize
from twicetold.batch.enriching import NOTHING, Enrich, Enriching
from twicetold.batch.places import EnginePlaces
from twicetold.batch.plan import chunking_for, spoken_language
from twicetold.batch.stages import Decode, Publish, Transcribe
from twicetold.batch.transcript import Progress, Transcript
from twicetold.engines import NOTHING_EXPECTED, Expected, Transcriber, VoiceActivity
from twicetold.media import Decoder
from twicetold.speech.transcript import Segment

log = structlog.get_logger()


class Stage(Protocol):
    """One step of the pass. What it adds, the transcript carries to the next."""

    @property
    def name(self) -> str: ...

    async def run(self, transcript: Transcript) -> None: ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What turns sound into words. They are shared and belong to whoever made them."""

    decoder: Decoder
    engine: Transcriber
    activity: VoiceActivity


@dataclass(frozen=True, slots=True)
class FileTranscript:
    """All that was said in one file. ``channels`` counts those that differ."""

    segments: list[Segment]
    length_s: float
    channels: int
    engine: str


def stages(
    tools: Tools,
    places: EnginePlaces,
    settings: ChunkingSettings,
    publish: Publish,
    expected: Expected = NOTHING_EXPECTED,
    enriching: Enriching = NOTHING,
    cover: Stage | None = None,
) -> list[Stage]:
    """The pass, in order. A later stage finds what those before it made."""
    by_voice = ByVoice(enriching.diarizer) if enriching.diarizer is not None else None
    chunking = chunking_for(settings, tools.engine.info)
    decode = Decode(tools.decoder, tools.activity, chunking, by_voice)
    steps: list[Stage] = [decode, Transcribe(tools.engine, places, expected)]
    if by_voice is not None:
        steps.append(Diarize(by_voice, decode.hear_again))
    if enriching.steps:
        steps.append(Enrich(enriching, tools.engine.info))
    if cover is not None:
        steps.append(cover)
    return [*steps, publish]


async def run_stages(steps: Sequence[Stage], transcript: Transcript) -> None:
    """Run the stages in order; what they opened is closed whatever happens.

    Raises what a stage raises; nothing after it runs.
    """
    async with transcript.resources:
        for step in steps:
            began = time.perf_counter()
            await step.run(transcript)
            log.debug("stage_done", stage=step.name, seconds=time.perf_counter() - began)


async def transcribe_file(
    path: Path,
    tools: Tools,
    *,
    language: str,
    settings: ChunkingSettings,
    on_progress: Callable[[float, float], None] | None = None,
) -> FileTranscript:
    """The pass over a file of the user's own: no queue, no store, the words in memory.

    ``on_progress(done_s, total_s)`` counts audio seconds; total_s is 0 while the length is
    unknown. Raises BadInput where the file is no sound that can be read, EngineFailed, …
    """
    segments: list[Segment] = []

    async def keep(_: Transcript, finished: AsyncIterator[Segment]) -> None:
        segments.extend([segment async for segment in finished])

    language = spoken_language(language, tools.engine.info)
    transcript = Transcript(path, language, KeptChunks(), Progress(on_progress))
    steps = stages(tools, EnginePlaces(tools.engine), settings, Publish(keep))
    await run_stages(steps, transcript)
    return FileTranscript(
        segments, transcript.length_s, transcript.channels, tools.engine.info.name
    )

"""A transcript in the making: what the stages of the pipeline hand from one to the next."""

from __future__ import annotations

import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from pathlib import Path

from twicetold.batch.checkpoints import Checkpoints, in_time_order
from twicetold.batch.chunking import Chunk
from twicetold.enrich.steps import Facts, Packed
from twicetold.speech.computed import Computed
from twicetold.speech.transcript import Segment
from twicetold.speech.turns import Turn

OnProgress = Callable[[float, float], None]
OutcomesOf = Callable[[], Awaitable[Mapping[str, str]]]  # what has come of a call by now, by name


async def no_outcomes() -> Mapping[str, str]:
    return {}


class Progress:
    """How far the audio has been worked through, in seconds; never goes back."""

    def __init__(self, on_change: OnProgress | None = None) -> None:
        self.total_s = 0.0
        self.done_s = 0.0
        self._on_change = on_change
        self._decoded_s = 0.0
        self._outstanding: dict[int, float] = {}  # chunk number: where it starts

    def decoded(self, held_from_s: float) -> None:
        """All sound before that second is in chunks, or is no speech."""
        self._decoded_s = held_from_s
        self._update()

    def began(self, chunk: Chunk) -> None:
        self._outstanding[chunk.number] = chunk.start_s

    def finished(self, chunk: Chunk) -> None:
        self._outstanding.pop(chunk.number, None)
        self._update()

    def complete(self, length_s: float) -> None:
        """Everything is transcribed, and only now is the length certain."""
        self.done_s = self.total_s = length_s
        if self._on_change is not None:
            self._on_change(self.done_s, self.total_s)

    def _update(self) -> None:
        done_s = min(self._outstanding.values(), default=self._decoded_s)
        if done_s > self.done_s:
            self.done_s = done_s
            self.total_s = max(self.total_s, done_s) if self.total_s else 0.0
            if self._on_change is not None:
                self._on_change(self.done_s, self.total_s)


@dataclass(slots=True)
class Transcript:
    """One recording's transcript. It streams: its size does not grow with the audio.

    ``decode`` lays the stream of chunks, ``transcribe`` drains it into checkpoints; from then
    on ``segments`` may be read, as often as wanted.
    """

    path: Path
    language: str
    checkpoints: Checkpoints
    progress: Progress = field(default_factory=Progress)
    outcomes: OutcomesOf = no_outcomes
    chunks: AsyncIterator[Chunk] | None = None
    channels: int = 0  # that differ: two that are the same sound count as one
    length_s: float = 0.0
    compute_s: float = 0.0  # of what the words are made of, whoever computed it
    spent_s: float = 0.0  # by this attempt, also on what came to nothing
    enriched: Computed = field(default_factory=Computed)  # as spent_s, by the names of stages
    languages: dict[int, str] = field(default_factory=dict)  # by channel, where it was found out
    turns: tuple[Turn, ...] = ()  # who speaks when, where that was to be found by voice
    failed_stages: list[dict[str, str]] = field(default_factory=list)
    chunk_counts: dict[int, int] = field(default_factory=dict)  # by channel
    layout_channels: int = 1  # of the PCM; numbers of chunks count by it
    known: Packed | None = None  # once enrichment has been over it
    facts: Facts | None = None  # by which it was
    resources: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    def segments(self) -> AsyncGenerator[Segment, None]:
        """All segments by start time, numbered from 1."""
        if self.known is not None:
            return _numbered(self.known.segments())
        return in_time_order(self.checkpoints, list(self._numbers()))

    def _numbers(self) -> Iterator[Sequence[int]]:
        step = self.layout_channels
        for channel, count in sorted(self.chunk_counts.items()):
            yield range(channel, channel + count * step, step)


async def _numbered(segments: Iterable[Segment]) -> AsyncGenerator[Segment, None]:
    for number, segment in enumerate(segments, 1):
        yield replace(segment, number=number)

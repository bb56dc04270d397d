"""Judging engines: what was said in recordings, what was heard, and how sure the difference is.

``Ear`` is the port that the passes are judged through; wiring builds one for an engine and a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from twicetold.speech.transcript import Segment


class Pass(StrEnum):
    """Which of the two tellings an engine is judged by."""

    BATCH = "batch"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Heard:
    """What one recording came to. ``channels`` counts those that differ: two that carry the same
    sound are heard once, as channel 0."""

    segments: Sequence[Segment]
    audio_s: float
    channels: int


OnShare = Callable[[float], None]  # how much of the recording is done, from 0 to 1


class Ear(Protocol):
    """One engine in one pass, warm."""

    @property
    def model(self) -> str: ...

    def spoken(self, language: str) -> str:
        """The language to ask for. Raises BadParameter for one that the engine does not know."""

    async def hear(self, path: Path, language: str, on_share: OnShare) -> Heard:
        """The whole pass over one recording. Raises what is wrong with it or with the engine."""

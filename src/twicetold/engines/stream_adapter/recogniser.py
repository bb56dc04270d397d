"""What the adapter asks of an engine: the words of one window of sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from twicetold.engines.inlet import Floats
from twicetold.speech.transcript import Word


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of a window, in order, and where its segments end; seconds from its begin."""

    words: Sequence[Word]
    segment_ends: Sequence[float] = ()


class Recogniser(Protocol):
    """May block. Raises what it likes: the stream is over then."""

    def __call__(self, sound: Floats, prompt: str, language: str) -> Heard:
        """What is said in ``sound`` (mono, 16,000 Hz, -1 to 1), from a state that no window before
        has touched. ``prompt``: the text before it, "" where there is none; ``language``: a tag
        or ``auto``."""

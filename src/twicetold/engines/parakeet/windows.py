"""Which stretch of a recording each window hears, and which of its frames are decoded. Sans-I/O.

Buffered streaming after NeMo's ``speech_to_text_streaming_infer_rnnt``: a window is a chunk with
sound on both sides of it. All of it is encoded, so that the chunk's frames know what surrounds
them; only the chunk's are decoded, so there is nothing to merge. A window is encoded in constant
memory, however long the recording is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
FRAME_SAMPLES = 1_280  # of one encoder frame: 0.08 s

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """In encoder frames: what is heard before a chunk, the chunk, and what is heard after it."""

    left: int = 62
    chunk: int = 250
    right: int = 37

    @classmethod
    def of_seconds(cls, left_s: float, chunk_s: float, right_s: float) -> WindowPlan:
        """Whole frames, rounded down; a chunk has one at least."""
        left, chunk, right = (int(s * RATE) // FRAME_SAMPLES for s in (left_s, chunk_s, right_s))
        return cls(left, max(1, chunk), right)

    @property
    def samples(self) -> int:
        """Of a window that has all its sides."""
        return (self.left + self.chunk + self.right) * FRAME_SAMPLES


@dataclass(frozen=True, slots=True)
class Window:
    """``sound``: mono, -1 to 1. Of its frames those from ``skip`` on are decoded, ``take`` of them
    at most (None: all, it is the last)."""

    sound: Floats
    skip: int
    take: int | None


class Windows:
    """One recording's windows, as its sound comes in, in blocks of any size."""

    def __init__(self, plan: WindowPlan) -> None:
        self._plan = plan
        self._held = np.zeros(0, np.float32)  # from the left context of the next chunk on
        self._left = 0  # frames of it

    def hear(self, sound: Floats) -> Iterator[Window]:
        """The windows that are complete with that sound."""
        plan = self._plan
        self._held = np.concatenate([self._held, sound])
        # One more frame than is needed: the last one is not left with nothing.
        while len(self._held) > (self._left + plan.chunk + plan.right) * FRAME_SAMPLES:
            whole = (self._left + plan.chunk + plan.right) * FRAME_SAMPLES
            yield Window(self._held[:whole], self._left, plan.chunk)
            done = self._left + plan.chunk
            self._left = min(done, plan.left)
            self._held = self._held[(done - self._left) * FRAME_SAMPLES :].copy()

    def finish(self) -> Iterator[Window]:
        """The last one; none where there was no sound."""
        if len(self._held) > self._left * FRAME_SAMPLES:
            yield Window(self._held, self._left, None)
        self._held, self._left = np.zeros(0, np.float32), 0

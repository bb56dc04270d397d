"""Where the frames and states of streams lie that are decoded together, and how they are judged.

On the host they are arrays (``HostBoard``); on a GPU they stay in its memory (``on_device``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.intp]

# Frames that are judged in one call: of a few streams they cost little more than one, for it is
# the weights' way through memory that takes the time; of many each costs its share.
_MOST_AHEAD, _MOST_AHEAD_OF_FEW, _FEW = 2, 4, 2


@dataclass(frozen=True, slots=True)
class StreamState:
    """Between two chunks. ``frame``: how many frames were decoded; ``jump``: how many of the next
    chunk's are leapt over."""

    h: Floats  # [layers, width]
    c: Floats
    last: int
    frame: int = 0
    jump: int = 0
    at_frame: int = 0  # tokens that were emitted at the frame it is on


Chunk = tuple[Floats, StreamState]  # frames [T, D]


class Seen(NamedTuple):
    """Of each stream that was looked at (a row) and each of its next frames: the likeliest token
    and duration, and the token's log-probability."""

    best: Places
    steps: Places
    certainty: Callable[[int, int], float]  # row, frame


class Board(Protocol):
    """The chunks of a call to ``Greedy.decode``; a stream is told by its place among them."""

    def most_ahead(self, streams: int) -> int:
        """How many frames of so many streams are worth a look at once."""

    def look(self, streams: Places, at: Places, ahead: int, last: NDArray[np.int32]) -> Seen:
        """Judge frames ``at`` to ``at + ahead`` of each of the streams, whose last tokens are
        given. What is seen behind a stream's last frame means nothing."""

    def keep(self, rows: Sequence[int]) -> None:
        """A token was taken in these rows of the last look: their streams' states are now those
        behind the token before it."""

    def states(self) -> tuple[Floats, Floats]:
        """[layers, streams, width] each."""


class Joint(Protocol):
    """Prediction network and joint network in one, as the model's graph has them."""

    layers: int
    width: int  # of the prediction network's state

    def run(
        self, frames: Floats, last: NDArray[np.int32], h: Floats, c: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """``frames`` [B, D, T], ``last`` token [B], states [layers, B, width] → logits
        [B, T, tokens + durations] and the states behind the last token."""


class HostBoard:
    """A Board of arrays. ``tokens`` counts the blank; logits behind them are of durations."""

    def __init__(self, joint: Joint, tokens: int, chunks: Sequence[Chunk]) -> None:
        self._joint, self._tokens = joint, tokens
        self._frames = [frames for frames, _ in chunks]
        nothing = [np.zeros((1, 0), np.float32)]
        self._h: Floats = np.stack([state.h for _, state in chunks] or nothing, axis=1)
        self._c: Floats = np.stack([state.c for _, state in chunks] or nothing, axis=1)
        self._streams: Places = np.zeros(0, np.intp)
        self._next = self._h, self._c

    def most_ahead(self, streams: int) -> int:
        return _MOST_AHEAD_OF_FEW if streams <= _FEW else _MOST_AHEAD

    def look(self, streams: Places, at: Places, ahead: int, last: NDArray[np.int32]) -> Seen:
        frames = np.zeros((len(streams), ahead, self._frames[streams[0]].shape[1]), np.float32)
        for row, stream in enumerate(streams):
            some = self._frames[stream][at[row] : at[row] + ahead]
            frames[row, : len(some)] = some
        logits, h_next, c_next = self._joint.run(
            frames.transpose(0, 2, 1), last, self._h[:, streams], self._c[:, streams]
        )
        self._streams, self._next = streams, (h_next, c_next)
        best = logits[..., : self._tokens].argmax(axis=-1)
        durations = logits[..., self._tokens :]
        steps = durations.argmax(axis=-1) if durations.shape[-1] else np.zeros_like(best)

        def certainty(row: int, frame: int) -> float:
            return _log_probability(logits[row, frame, : self._tokens], int(best[row, frame]))

        return Seen(best, steps, certainty)

    def keep(self, rows: Sequence[int]) -> None:
        streams, (h_next, c_next) = self._streams[rows], self._next
        self._h[:, streams], self._c[:, streams] = h_next[:, rows], c_next[:, rows]

    def states(self) -> tuple[Floats, Floats]:
        return self._h, self._c


def _log_probability(logits: Floats, token: int) -> float:
    highest = logits.max()
    return float(logits[token] - highest - np.log(np.exp(logits - highest).sum()))

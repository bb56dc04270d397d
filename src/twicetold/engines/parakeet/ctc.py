"""Greedy CTC decoding: each frame's likeliest token, repeats told once and blanks not at all.

CTC: Graves et al., "Connectionist Temporal Classification", ICML 2006. What goes from one chunk to
the next is the last frame's token: it may go on there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from twicetold.engines.parakeet.board import Chunk, Floats, StreamState
from twicetold.engines.parakeet.transducer import Emitted


class CtcGreedy:
    """Like ``transducer.Greedy``; frames are log-probabilities [T, tokens], streams are decoded
    each by itself, for there is nothing to share."""

    def __init__(self, *, blank: int) -> None:
        self._blank = blank

    def start(self) -> StreamState:
        nothing = np.zeros((0, 0), np.float32)
        return StreamState(nothing, nothing, self._blank)

    def decode(self, chunks: Sequence[Chunk]) -> list[tuple[list[Emitted], StreamState]]:
        """The tokens of each stream's next frames, and its state behind them. ``duration`` is how
        many frames of the chunk tell the token."""
        return [self._decoded(frames, state) for frames, state in chunks]

    def _decoded(self, frames: Floats, state: StreamState) -> tuple[list[Emitted], StreamState]:
        if not len(frames):
            return [], state
        tokens = frames.argmax(axis=-1)
        changes = np.flatnonzero(np.diff(tokens, prepend=state.last))
        ends = [*changes[1:], len(tokens)][: len(changes)]
        emitted = [
            Emitted(
                int(tokens[begin]),
                state.frame + int(begin),
                int(end - begin),
                float(frames[begin:end, tokens[begin]].mean()),
            )
            for begin, end in zip(changes, ends, strict=True)
            if tokens[begin] != self._blank
        ]
        return emitted, replace(state, last=int(tokens[-1]), frame=state.frame + len(tokens))

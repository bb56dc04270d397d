"""Greedy transducer decoding of many streams at once, with a state that crosses chunks.

TDT (token-and-duration transducer): Xu et al., "Efficient Sequence Transduction by Jointly
Predicting Tokens and Durations", ICML 2023; RNN-T is the same with no durations. What a stream
carries from one chunk to the next is the prediction network's state before the last token, that
token, how many were emitted at the frame it is on, and the *jump*: a duration may lead past the
end of a chunk, and the next one is begun there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from twicetold.engines.parakeet.board import (
    Board,
    Chunk,
    Floats,
    HostBoard,
    Joint,
    Places,
    StreamState,
)

_RECENT = 0.1  # the weight of the last call in how far it is to a token


class Emitted(NamedTuple):
    """One token: where it begins and how far it jumps, in frames from the stream's first."""

    token: int
    frame: int
    duration: int
    log_probability: float


class Greedy:
    """``tokens`` counts the blank, whose number is ``blank``; the logits behind them are of the
    durations 0, 1, 2, … (none: an RNN-T). ``lay_out``: the board of some chunks, where it is not
    the host's."""

    def __init__(
        self,
        joint: Joint,
        *,
        tokens: int,
        blank: int,
        most_per_frame: int = 10,
        lay_out: Callable[[Sequence[Chunk]], Board] | None = None,
    ) -> None:
        self._joint, self._blank, self._most = joint, blank, most_per_frame
        self._lay_out = lay_out or partial(HostBoard, joint, tokens)

    def start(self) -> StreamState:
        zero = np.zeros((self._joint.layers, self._joint.width), np.float32)
        return StreamState(zero, zero, self._blank)

    def decode(self, chunks: Sequence[Chunk]) -> list[tuple[list[Emitted], StreamState]]:
        """The tokens of each stream's next frames [T, D], and its state behind them. Streams do
        not depend on each other, but for what a batch does to the last bit of a float."""
        board, batch, far = self._lay_out(chunks), _Batch(chunks, self._most), 1.0
        while (active := batch.active()).size:
            ahead = min(round(far), board.most_ahead(active.size), batch.left(active))
            seen = board.look(active, batch.at[active], ahead, batch.last[active])
            told = []
            for row, stream in enumerate(active):
                place = batch.walk(stream, seen.best[row], seen.steps[row], self._blank)
                distance = 2 * ahead if place is None else place + 1
                far += _RECENT / active.size * (distance - far)
                if place is not None:
                    token, step = int(seen.best[row, place]), int(seen.steps[row, place])
                    batch.emit(stream, token, step, seen.certainty(row, place))
                    told.append(row)
            if told:
                board.keep(told)
        return batch.results(*board.states())


class _Batch:
    """Where every stream of a call to ``decode`` stands."""

    def __init__(self, chunks: Sequence[Chunk], most_per_frame: int) -> None:
        self._before = [state for _, state in chunks]
        self._lengths = np.array([len(frames) for frames, _ in chunks], np.intp)
        self.at = np.array([state.jump for _, state in chunks], np.intp)
        self._at_frame = [state.at_frame for _, state in chunks]
        self.last = np.array([state.last for _, state in chunks], np.int32)
        self._emitted: list[list[Emitted]] = [[] for _ in chunks]
        self._most = most_per_frame

    def active(self) -> Places:
        """The streams that have frames left."""
        return np.flatnonzero(self.at < self._lengths)

    def left(self, active: Places) -> int:
        """Frames of the one that has most left."""
        return int((self._lengths[active] - self.at[active]).max())

    def walk(self, stream: int, best: Places, steps: Places, blank: int) -> int | None:
        """Over blanks, as far as frames were judged; the place of the next token, if there is
        one among them."""
        begin, end = int(self.at[stream]), int(self._lengths[stream])
        at = begin
        while at < min(end, begin + len(best)):
            place = at - begin
            if best[place] != blank:
                self.at[stream] = at
                return place
            at += max(1, int(steps[place]))
            self._at_frame[stream] = 0
        self.at[stream] = at
        return None

    def emit(self, stream: int, token: int, step: int, certainty: float) -> None:
        at = int(self.at[stream])
        first = self._before[stream].frame
        self._emitted[stream].append(Emitted(token, first + at, step, certainty))
        self.last[stream] = token
        self._at_frame[stream] += 1
        if step == 0 and self._at_frame[stream] >= self._most:
            step = 1
        if step:
            self.at[stream] = at + step
            self._at_frame[stream] = 0

    def results(self, h: Floats, c: Floats) -> list[tuple[list[Emitted], StreamState]]:
        """``h``, ``c``: the streams' states [layers, streams, width]."""
        return [
            (self._emitted[stream], self._state(stream, before, h, c))
            for stream, before in enumerate(self._before)
        ]

    def _state(self, stream: int, before: StreamState, h: Floats, c: Floats) -> StreamState:
        length = int(self._lengths[stream])
        return replace(
            before,
            h=h[:, stream].copy(),
            c=c[:, stream].copy(),
            last=int(self.last[stream]),
            frame=before.frame + length,
            jump=int(self.at[stream]) - length,
            at_frame=self._at_frame[stream],
        )

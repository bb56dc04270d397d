"""Greedy transducer decoding of many streams at once, with a state that crosses chunks.

TDT (token-and-duration transducer): Xu et al., "Efficient Sequence Transduction by Jointly
Predicting Tokens and Durations", ICML 2023; RNN-T is the same with no durations. What a stream
carries from one chunk to the next is the prediction network's state before the last token, that
token, how many were emitted at the frame it is on, and the *jump*: a duration may lead past the
end of a chunk, and the next one is begun there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Frames that are judged in one call: of a few streams they cost little more than one, for it is
# the weights' way through memory that takes the time; of many each costs its share.
_MOST_AHEAD, _MOST_AHEAD_OF_FEW, _FEW = 2, 4, 2
_RECENT = 0.1  # the weight of the last call in how far it is to a token


class Joint(Protocol):
    """Prediction network and joint network in one, as the model's graph has them."""

    layers: int
    width: int  # of the prediction network's state

    def run(
        self, frames: Floats, last: NDArray[np.int32], h: Floats, c: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """``frames`` [B, D, T], ``last`` token [B], states [layers, B, width] → logits
        [B, T, tokens + durations] and the states behind the last token."""


class Emitted(NamedTuple):
    """One token: where it begins and how far it jumps, in frames from the stream's first."""

    token: int
    frame: int
    duration: int
    log_probability: float


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


class Greedy:
    """``tokens`` counts the blank, whose number is ``blank``; the logits behind them are of the
    durations 0, 1, 2, … (none: an RNN-T)."""

    def __init__(self, joint: Joint, *, tokens: int, blank: int, most_per_frame: int = 10) -> None:
        self._joint = joint
        self._tokens, self._blank, self._most = tokens, blank, most_per_frame

    def start(self) -> StreamState:
        zero = np.zeros((self._joint.layers, self._joint.width), np.float32)
        return StreamState(zero, zero, self._blank)

    def decode(
        self, chunks: Sequence[tuple[Floats, StreamState]]
    ) -> list[tuple[list[Emitted], StreamState]]:
        """The tokens of each stream's next frames [T, D], and its state behind them. Streams do
        not depend on each other, but for what a batch does to the last bit of a float."""
        batch, far = _Batch(chunks, self._most), 1.0
        while (active := batch.active()).size:
            ahead = min(round(far), _MOST_AHEAD_OF_FEW if active.size <= _FEW else _MOST_AHEAD)
            frames, last, h, c = batch.inputs(active, ahead)
            logits, h_next, c_next = self._joint.run(frames, last, h, c)
            best = logits[..., : self._tokens].argmax(axis=-1)
            has_durations = logits.shape[-1] > self._tokens
            durations = logits[..., self._tokens :]
            steps = durations.argmax(axis=-1) if has_durations else np.zeros_like(best)
            for row, stream in enumerate(active):
                place = batch.walk(stream, best[row], steps[row], self._blank)
                distance = 2 * ahead if place is None else place + 1
                far += _RECENT / active.size * (distance - far)
                if place is not None:
                    token, step = int(best[row, place]), int(steps[row, place])
                    certainty = _log_probability(logits[row, place, : self._tokens], token)
                    batch.emit(stream, token, step, certainty, h_next[:, row], c_next[:, row])
        return batch.results()


class _Batch:
    """Where every stream of a call to ``decode`` stands."""

    def __init__(self, chunks: Sequence[tuple[Floats, StreamState]], most_per_frame: int) -> None:
        self._frames = [frames for frames, _ in chunks]
        self._before = [state for _, state in chunks]
        self._lengths = np.array([len(frames) for frames, _ in chunks])
        self._at = np.array([state.jump for _, state in chunks])
        self._at_frame = [state.at_frame for _, state in chunks]
        self._last = np.array([state.last for _, state in chunks], np.int32)
        nothing = [np.zeros((1, 0), np.float32)]
        self._h: Floats = np.stack([state.h for _, state in chunks] or nothing, axis=1)
        self._c: Floats = np.stack([state.c for _, state in chunks] or nothing, axis=1)
        self._emitted: list[list[Emitted]] = [[] for _ in chunks]
        self._most = most_per_frame

    def active(self) -> NDArray[np.intp]:
        """The streams that have frames left."""
        return np.flatnonzero(self._at < self._lengths)

    def inputs(
        self, active: NDArray[np.intp], ahead: int
    ) -> tuple[Floats, NDArray[np.int32], Floats, Floats]:
        """The next ``ahead`` frames of each, or as many as the one that has most has left."""
        ahead = min(ahead, int((self._lengths[active] - self._at[active]).max()))
        width = self._frames[active[0]].shape[1]
        frames = np.zeros((len(active), ahead, width), np.float32)
        for row, stream in enumerate(active):
            some = self._frames[stream][self._at[stream] : self._at[stream] + ahead]
            frames[row, : len(some)] = some
        return (
            frames.transpose(0, 2, 1),
            self._last[active],
            self._h[:, active],
            self._c[:, active],
        )

    def walk(
        self, stream: int, best: NDArray[np.intp], steps: NDArray[np.intp], blank: int
    ) -> int | None:
        """Over blanks, as far as frames were judged; the place of the next token, if there is
        one among them."""
        begin, end = int(self._at[stream]), int(self._lengths[stream])
        at = begin
        while at < min(end, begin + len(best)):
            place = at - begin
            if best[place] != blank:
                self._at[stream] = at
                return place
            at += max(1, int(steps[place]))
            self._at_frame[stream] = 0
        self._at[stream] = at
        return None

    def emit(
        self, stream: int, token: int, step: int, certainty: float, h: Floats, c: Floats
    ) -> None:
        at = int(self._at[stream])
        first = self._before[stream].frame
        self._emitted[stream].append(Emitted(token, first + at, step, certainty))
        self._last[stream] = token
        self._h[:, stream], self._c[:, stream] = h, c
        self._at_frame[stream] += 1
        if step == 0 and self._at_frame[stream] >= self._most:
            step = 1
        if step:
            self._at[stream] = at + step
            self._at_frame[stream] = 0

    def results(self) -> list[tuple[list[Emitted], StreamState]]:
        return [
            (self._emitted[stream], self._state(stream, before))
            for stream, before in enumerate(self._before)
        ]

    def _state(self, stream: int, before: StreamState) -> StreamState:
        length = int(self._lengths[stream])
        return replace(
            before,
            h=self._h[:, stream].copy(),
            c=self._c[:, stream].copy(),
            last=int(self._last[stream]),
            frame=before.frame + length,
            jump=int(self._at[stream]) - length,
            at_frame=self._at_frame[stream],
        )


def _log_probability(logits: Floats, token: int) -> float:
    highest = logits.max()
    return float(logits[token] - highest - np.log(np.exp(logits - highest).sum()))

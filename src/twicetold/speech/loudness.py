"""How loud a recording is, moment by moment: what a player draws."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

STEPS_A_SECOND = 10
_HEAD = struct.Struct("<Bd")
_FULL = 32_768


@dataclass(frozen=True, slots=True)
class Loudness:
    """Peaks of ``(steps, channels)``, 0 to 255 of full scale, ten steps a second."""

    peaks: NDArray[np.uint8]
    length_s: float

    def points(self, most: int) -> list[list[float]]:
        """For each channel at most so many peaks, 0 to 1, at even distances."""
        steps = len(self.peaks)
        if steps == 0:
            return [[] for _ in range(self.peaks.shape[1])]
        starts = np.linspace(0, steps, min(most, steps), endpoint=False).astype(np.intp)
        drawn = np.maximum.reduceat(self.peaks, starts, axis=0) / 255
        return [channel.round(3).tolist() for channel in drawn.T]

    def to_bytes(self) -> bytes:
        return _HEAD.pack(self.peaks.shape[1], self.length_s) + self.peaks.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises ValueError for anything that ``to_bytes`` did not write."""
        try:
            channels, length_s = _HEAD.unpack_from(data)
            peaks = np.frombuffer(data, np.uint8, offset=_HEAD.size).reshape(-1, channels)
        except struct.error as error:
            raise ValueError("not a loudness") from error
        return cls(peaks, length_s)


class LoudnessMeter:
    """Measures PCM (s16le, interleaved) as it comes, in constant memory but for the peaks."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels = rate, channels
        self._step = rate // STEPS_A_SECOND
        self._rest: NDArray[np.int16] = np.empty((0, channels), np.int16)
        self._found: list[NDArray[np.uint8]] = []
        self._frames = 0

    def hear(self, pcm: bytes) -> None:
        """Whole frames, any number."""
        frames = np.frombuffer(pcm, "<i2").reshape(-1, self._channels)
        self._frames += len(frames)
        frames = np.concatenate((self._rest, frames))
        whole = len(frames) // self._step * self._step
        self._found.append(_peaks(frames[:whole].reshape(-1, self._step, self._channels)))
        self._rest = frames[whole:]

    def finish(self) -> Loudness:
        if len(self._rest):
            self._found.append(_peaks(self._rest[np.newaxis]))
        empty = np.empty((0, self._channels), np.uint8)
        return Loudness(np.concatenate((empty, *self._found)), self._frames / self._rate)


def _peaks(steps: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Of ``(steps, frames, channels)``; -32768 has no counterpart in 16 bits."""
    if not len(steps):
        return np.empty((0, steps.shape[2]), np.uint8)
    highest = np.maximum(steps.max(axis=1).astype(np.int32), -steps.min(axis=1).astype(np.int32))
    found: NDArray[np.uint8] = np.ceil(highest * 255 / _FULL).astype(np.uint8)
    return found

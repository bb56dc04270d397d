"""Times for words that came without: spread over the sound, its quiet parts left out.

A guess, and told as one (``EngineInfo.word_times`` is false), but inside the utterance, in order,
and the same whatever pieces the sound came in.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twicetold.engines.remote.limits import check_length, storable
from twicetold.speech.transcript import Word

_FRAME_S = 0.02
_QUIET = 0.1  # of the loudest frame: -20 dB


class Loudness:
    """How loud each 20 ms of a sound are; all that is kept of it."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._frame = round(rate * _FRAME_S)
        self._rest = b""
        self._samples = 0
        self._frames: list[float] = []

    @property
    def seconds(self) -> float:
        """Length of the sound so far."""
        return self._samples / self._rate

    def hear(self, pcm: bytes) -> None:
        """More mono PCM s16le, of whole samples."""
        self._samples += len(pcm) // 2
        sound = np.frombuffer(self._rest + pcm, "<i2")
        whole = len(sound) // self._frame * self._frame
        self._rest = sound[whole:].tobytes()
        frames = sound[:whole].reshape(-1, self._frame).astype(np.float32)
        self._frames += np.sqrt(np.mean(frames * frames, axis=1)).tolist()

    @property
    def quiet_tail_s(self) -> float:
        """How long it has been quiet at the end."""
        loud = self._sounding()
        return self.seconds if not len(loud) else self.seconds - (loud[-1] + 1) * _FRAME_S

    def bounds(self, shares: Sequence[float]) -> tuple[list[float], list[float]]:
        """For each share (0..1) of what sounds, the second at which it is over, and the one from
        which on there is more."""
        loud, at = self._sounding(), np.array(shares)
        if not len(loud):
            even = (at * self.seconds).tolist()
            return even, even
        passed = np.round(at * len(loud), 6)  # frames; whole ones must be whole
        frames = np.maximum(np.ceil(passed) - 1, 0), np.minimum(passed, len(loud) - 1)
        over, more = (
            np.minimum((loud[frame.astype(int)] + passed - frame.astype(int)) * _FRAME_S,
                       self.seconds).tolist()
            for frame in frames
        )  # fmt: skip
        return over, more

    def _sounding(self) -> NDArray[np.intp]:
        """The frames that sound, by number."""
        frames = np.array(self._frames, np.float32)
        return np.flatnonzero(frames > max(1.0, _QUIET * float(frames.max(initial=0.0))))


def spread(text: str, sound: Loudness) -> tuple[Word, ...]:
    """The words of ``text``, each for as long as its letters' share of what sounds. Raises
    EngineFailed for more of it than anybody says."""
    check_length(text, sound.seconds)
    words = storable(text).split()
    ends, starts = sound.bounds(_shares(words))
    return tuple(Word(*each) for each in zip(starts, ends[1:], words, strict=False))


def within(text: str, start: float, end: float, most: float) -> tuple[Word, ...]:
    """The words of a stretch whose bounds are known, by their letters; all inside 0..``most``."""
    words = storable(text).split()
    start = min(max(0.0, start), most)
    length = max(0.0, min(end, most) - start)
    at = [start + share * length for share in _shares(words)]
    return tuple(Word(*each) for each in zip(at, at[1:], words, strict=False))


def _shares(words: Sequence[str]) -> list[float]:
    """Where each word begins, and the last one ends, by letters, from 0 to 1."""
    letters = list(itertools.accumulate((len(word) + 1 for word in words), initial=0))
    return [each / max(1, letters[-1]) for each in letters]

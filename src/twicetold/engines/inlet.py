"""PCM s16le in, sound as models take it out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twicetold.engines import Sound
from twicetold.errors import UnsupportedRate

Floats = NDArray[np.float32]

RATE = 16_000
RATES = (8_000, RATE)


def check_rate(engine: str, rate: int) -> None:
    """Raises UnsupportedRate."""
    if rate not in RATES:
        raise UnsupportedRate(f"Engine {engine} takes 8000 or 16000 Hz but got {rate} Hz.")


def resampled(sound: Sound) -> Floats:
    """A whole sound, at 16,000 Hz."""
    inlet = Inlet(sound.rate)
    return np.concatenate([inlet.take(sound.pcm), inlet.rest()])


class Inlet:
    """PCM s16le at 8,000 or 16,000 Hz in, sound at 16,000 Hz from -1 to 1 out."""

    def __init__(self, rate: int) -> None:
        self._resampler: Any = None
        if rate != RATE:
            import soxr

            self._resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32")

    def take(self, pcm: bytes, *, last: bool = False) -> Floats:
        sound: Floats = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
        if self._resampler is None:
            return sound
        resampled: Floats = self._resampler.resample_chunk(sound, last=last)
        return resampled

    def rest(self) -> Floats:
        """What the resampler still holds; nothing may follow."""
        if self._resampler is None:
            return np.zeros(0, np.float32)
        return self.take(b"", last=True)

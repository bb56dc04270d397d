"""Sound as servers want it: at another rate, as a WAV file, in pieces they accept."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from twicetold.engines import Sound
from twicetold.errors import EngineRefused
from twicetold.speech.activity import quietest

RATES = (8_000, 16_000)

_FRAME_S = 0.02
_CUT_AFTER = 0.7  # of the longest piece


def check_rate(engine: str, rate: int) -> None:
    """Raises EngineRefused."""
    if rate not in RATES:
        raise EngineRefused(f"Engine {engine} takes 8000 or 16000 Hz but got {rate} Hz.")


class Inlet:
    """Mono PCM s16le at one rate in, at another out."""

    def __init__(self, rate: int, wanted: int) -> None:
        self._resampler: Any = None
        if rate != wanted:
            import soxr

            self._resampler = soxr.ResampleStream(rate, wanted, 1, dtype="int16")

    def take(self, pcm: bytes, *, last: bool = False) -> bytes:
        """What is ready after ``pcm``; ``last``: nothing follows."""
        if self._resampler is None:
            return pcm
        resampled = self._resampler.resample_chunk(np.frombuffer(pcm, "<i2"), last=last)
        return bytes(resampled.astype("<i2").tobytes())


def wav_of(sound: Sound) -> bytes:
    """The sound as a WAV file in memory."""
    size, rate = len(sound.pcm), sound.rate
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size,
    )  # fmt: skip
    return head + sound.pcm


def pieces_of(sound: Sound, longest_s: float) -> Iterator[tuple[float, Sound]]:
    """The sound in pieces of at most that length, cut where it is quiet, each with the second at
    which it begins."""
    frame, longest = round(_FRAME_S * sound.rate), int(longest_s * sound.rate)
    at, samples = 0, len(sound.pcm) // 2
    while samples - at > longest:
        first = at + int(_CUT_AFTER * longest)
        loudness = _loudness(sound.pcm[2 * first : 2 * (at + longest)], frame)
        cut = first + quietest(loudness, 0, len(loudness)) * frame
        yield at / sound.rate, Sound(sound.pcm[2 * at : 2 * cut], sound.rate)
        at = cut
    yield at / sound.rate, Sound(sound.pcm[2 * at : 2 * samples], sound.rate)


def _loudness(pcm: bytes, frame: int) -> list[float]:
    sound = np.frombuffer(pcm, "<i2").astype(np.float32)
    frames = sound[: len(sound) // frame * frame].reshape(-1, frame)
    return [float(each) for each in np.sqrt(np.mean(frames * frames, axis=1))]

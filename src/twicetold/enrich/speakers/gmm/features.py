"""What tells voices apart, every 10 ms: cepstral coefficients and the pitch. Numpy alone.

Mel-frequency cepstral coefficients as Davis & Mermelstein (1980) define them; the pitch is the
strongest peak of the autocorrelation, divided by that of the window (Boersma, 1993).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FRAMES_A_SECOND = 100
CEPSTRA = 19  # without the 0th, which is the loudness

_WINDOW_MS, _PITCH_WINDOW_MS = 25, 40
_PRE_EMPHASIS = 0.97
_LOWEST_HZ, _HIGHEST_HZ = 120.0, 3_700.0  # of a telephone
_LOWEST_WIDE_HZ, _HIGHEST_WIDE_HZ = 60.0, 7_600.0
_FLOOR = 1e2  # of a band's energy, in squared sample units: digital silence is no outlier
_PITCH_HZ = (55, 400)
_AT_ONCE = 200  # frames whose autocorrelation, the most that is in memory, is taken together
_NEARLY = 0.9  # of the highest peak: of those the shortest period is the pitch, or octaves fall


@dataclass(frozen=True, slots=True)
class Features:
    """``cepstra`` f32[T, CEPSTRA]; ``loudness`` f32[T], log; ``pitch`` f32[T], log of Hz;
    ``voicing`` f32[T], about 0..1."""

    cepstra: Floats
    loudness: Floats
    pitch: Floats
    voicing: Floats

    def __len__(self) -> int:
        return len(self.loudness)

    def __getitem__(self, part: slice) -> Features:
        return Features(
            self.cepstra[part], self.loudness[part], self.pitch[part], self.voicing[part]
        )


def joined(parts: list[Features]) -> Features:
    return Features(
        np.concatenate([part.cepstra for part in parts]),
        np.concatenate([part.loudness for part in parts]),
        np.concatenate([part.pitch for part in parts]),
        np.concatenate([part.voicing for part in parts]),
    )


class Listening:
    """Features of sound that comes in pieces: the same ones, whatever the pieces are."""

    def __init__(self, rate: int) -> None:
        """``rate``: 8,000 or 16,000 Hz."""
        self._rate, self._hop = rate, rate // FRAMES_A_SECOND
        self._window = rate * _PITCH_WINDOW_MS // 1000
        self._sound = np.zeros(1, np.float32)  # one sample before the next frame, and all after it

    def accept(self, pcm: bytes) -> Features:
        """The frames that have become complete."""
        self._sound = np.concatenate(
            (self._sound, np.frombuffer(pcm, "<i2").astype(np.float32)), dtype=np.float32
        )
        frames = max(0, (len(self._sound) - 1 - self._window) // self._hop + 1)
        needed = (frames - 1) * self._hop + self._window + 1
        found = self._features(self._sound[:needed]) if frames else _NOTHING
        self._sound = self._sound[frames * self._hop :]
        return found

    def finish(self) -> Features:
        """What is left, filled up with silence."""
        return self.accept(bytes(2 * self._window)) if len(self._sound) > 1 else _NOTHING

    def _features(self, sound: Floats) -> Features:
        emphasised = sound[1:] - np.float32(_PRE_EMPHASIS) * sound[:-1]
        short = self._rate * _WINDOW_MS // 1000
        frames = len(range(0, len(sound) - self._window, self._hop))
        cepstra = _cepstra(_framed(emphasised, short, self._hop)[:frames], self._rate)
        thinned = sound[1:] if self._rate == 8_000 else 0.5 * (sound[1::2] + sound[:-1:2])
        windows = _framed(thinned, 320, 80)[:frames]
        found = [_pitch(windows[at : at + _AT_ONCE]) for at in range(0, frames, _AT_ONCE)]
        pitch, voicing = (np.concatenate(each) for each in zip(*found, strict=True))
        return Features(cepstra[:, 1:], cepstra[:, 0], pitch, voicing)


_NOTHING = Features(
    np.zeros((0, CEPSTRA), np.float32), *(np.zeros(0, np.float32) for _ in range(3))
)


def _framed(sound: Floats, window: int, hop: int) -> Floats:
    return np.lib.stride_tricks.sliding_window_view(sound, window)[::hop]


def _cepstra(frames: Floats, rate: int) -> Floats:
    size = 256 if rate == 8_000 else 512
    window = np.hamming(frames.shape[1]).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(frames * window, size)) ** 2
    bands, cosines = _filters(rate, size)
    found: Floats = (np.log(spectrum @ bands + _FLOOR) @ cosines).astype(np.float32)
    return found


@lru_cache(maxsize=2)
def _filters(rate: int, size: int) -> tuple[Floats, Floats]:
    """Triangles on the mel scale f32[bins, bands]; the cosine transform f32[bands, 1 + CEPSTRA]."""
    wide = rate == 16_000
    low, high = (_LOWEST_WIDE_HZ, _HIGHEST_WIDE_HZ) if wide else (_LOWEST_HZ, _HIGHEST_HZ)
    count = 30 if wide else 24
    edges = np.linspace(_mel(np.array(low)), _mel(np.array(high)), count + 2)
    at = _mel(np.arange(size // 2 + 1) * rate / size)[:, None]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    bands = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    steps = (np.arange(count)[:, None] + 0.5) * np.arange(1 + CEPSTRA) * np.pi / count
    cosines = np.cos(steps) * np.sqrt(2 / count)
    cosines[:, 0] /= np.sqrt(2)
    return bands, cosines.astype(np.float32)


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    mels: NDArray[np.float64] = 1127 * np.log1p(hertz / 700)
    return mels


def _pitch(frames: Floats) -> tuple[Floats, Floats]:
    """Log of Hz, and how periodic it is, of frames of 40 ms at 8,000 Hz."""
    rate, size = 8_000, 1_024
    shortest, longest = rate // _PITCH_HZ[1], rate // _PITCH_HZ[0]
    window = np.hanning(frames.shape[1]).astype(np.float32)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2)
    raw = np.fft.irfft(np.abs(np.fft.rfft(frames * window, size)) ** 2)
    share = raw[:, shortest : longest + 1] / (raw[:, :1] + 1e3)
    share = share / (own[shortest : longest + 1] / own[0])
    best = share.max(axis=1)
    peaks = np.zeros(share.shape, bool)
    peaks[:, 1:-1] = (share[:, 1:-1] >= share[:, :-2]) & (share[:, 1:-1] >= share[:, 2:])
    peaks &= share >= _NEARLY * best[:, None]
    period = shortest + np.where(peaks.any(axis=1), peaks.argmax(axis=1), share.argmax(axis=1))
    return np.log(rate / period).astype(np.float32), best.astype(np.float32)

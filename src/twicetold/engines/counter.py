"""Engine ``counter``: audio that carries consecutive integers, and the ear that reads them back.

For tests and benchmarks: a lost, doubled or disordered word shows at once, at any number of
calls. A burst is 11 symbols of equal length, each one of 17 tones between 500 and 3,380 Hz
(180 Hz apart, which telephone bandwidth and mu-law leave alone): a mark, the integer as five
hex digits, its CRC as four, a mark. The ear finds a burst by the silence around it and
divides it into symbols by its own length, so it needs neither the sender's clock nor its
block bounds; what does not check is no word.
"""

from __future__ import annotations

import functools
import zlib
from typing import cast

import numpy as np
from numpy.typing import NDArray

from twicetold.engines import ActivityState, EngineInfo, Hears, Sound
from twicetold.errors import UnsupportedRate
from twicetold.speech.transcript import Hypothesis, Word

COUNTER_INFO = EngineInfo(
    name="counter",
    model="counter-1",
    languages=("*",),
    live=True,
    batch=True,
    word_times=True,
    time_error_s=0.02,  # bursts are found to a few milliseconds; see its tests
    hears=Hears.TONES,
    good_for="Tests and benchmarks: it reads integers out of tone bursts, and no speech.",
)

MAX_INTEGER = 16**5 - 1
RATES = (8_000, 16_000)

_DIGITS, _CHECK_DIGITS = 5, 4
_SYMBOLS = _DIGITS + _CHECK_DIGITS + 2
_MARK = 16
_TONES_HZ = 500.0 + 180.0 * np.arange(17)
_LEVEL = 0.35  # about -12 dBFS of power
_LOUD = 0.03  # below this a sample is silence
_SILENCE_S = 0.006  # this much of it ends a burst; a tone itself is never silent for 1 ms
_MIN_SYMBOL_S = 0.008
_MAX_BURST_S = 2.0
_WINDOW = 0.8  # the middle of a symbol that is listened to; edges may ring
_PURITY = 0.6  # of a symbol's power that its tone must hold

MIN_BURST_S = _SYMBOLS * _MIN_SYMBOL_S
MIN_GAP_S = 2 * _SILENCE_S


def render(
    first: int,
    count: int,
    rate: int,
    *,
    burst_s: float = 0.12,
    gap_s: float = 0.05,
    group: int = 8,
    pause_s: float = 0.8,
) -> bytes:
    """``count`` integers from ``first`` on as mono PCM s16le at 8,000 or 16,000 Hz.

    Each is a burst of ``burst_s`` followed by ``gap_s`` of silence, or by ``pause_s`` where it
    ends a group of ``group`` and at the very end; a pause longer than the endpointer's makes
    a group an utterance. Raises ValueError for what could not be read back.
    """
    _check_layout(first, count, rate, burst_s, gap_s, group)
    gap, pause = (np.zeros(round(s * rate), np.int16) for s in (gap_s, pause_s))
    pieces = []
    for index in range(count):
        pieces.append(_burst(first + index, rate, burst_s))
        ends_group = (index + 1) % group == 0 or index + 1 == count
        pieces.append(pause if ends_group else gap)
    return np.concatenate(pieces).astype("<i2").tobytes() if pieces else b""


def _check_layout(
    first: int, count: int, rate: int, burst_s: float, gap_s: float, group: int
) -> None:
    if first < 0 or count < 0 or first + count - 1 > MAX_INTEGER:
        raise ValueError(f"expected integers of 0 to {MAX_INTEGER} but got {count} from {first}")
    if rate not in RATES:
        raise ValueError(f"expected a rate of 8000 or 16000 but got {rate}")
    if not MIN_BURST_S <= burst_s <= _MAX_BURST_S:
        raise ValueError(f"expected burst_s of {MIN_BURST_S} to {_MAX_BURST_S} but got {burst_s}")
    if gap_s < MIN_GAP_S or group < 1:
        raise ValueError(f"expected gap_s of {MIN_GAP_S} and group of 1, or more")


def _symbols(number: int) -> list[int]:
    """The tones of an integer's burst, as indices."""
    body = f"{number:0{_DIGITS}x}"
    check = zlib.crc32(body.encode()) & 0xFFFF
    return [_MARK, *(int(digit, 16) for digit in f"{body}{check:0{_CHECK_DIGITS}x}"), _MARK]


def _burst(number: int, rate: int, burst_s: float) -> NDArray[np.int16]:
    samples = round(burst_s * rate)
    at = np.arange(samples)
    tones = _TONES_HZ[np.array(_symbols(number))[at * _SYMBOLS // samples]]
    # Each symbol starts where the last one's phase ended, so that there are no clicks.
    phase = 2 * np.pi * np.cumsum(tones) / rate
    return np.rint(np.sin(phase) * _LEVEL * 32767).astype(np.int16)


class CounterEngine:
    """Reads back what ``render`` wrote. A HostedEngine that is also fit for the event loop."""

    @property
    def info(self) -> EngineInfo:
        return COUNTER_INFO

    def start(self, rate: int, language: str, adaptation: str | None) -> _CounterStream:
        return _CounterStream(rate, adaptation)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        stream = self.start(sound.rate, language, None)
        stream.accept(sound.pcm)
        return stream.finish()


class _CounterStream:
    """Keeps only what may still become a word: the sound since the last silence."""

    def __init__(self, rate: int, adaptation: str | None) -> None:
        if rate not in RATES:
            raise UnsupportedRate(f"Engine counter takes 8000 or 16000 Hz but got {rate} Hz.")
        self._rate = rate
        self._adaptation = adaptation
        self._silence = round(_SILENCE_S * rate)
        self._pending: NDArray[np.float32] = np.zeros(0, np.float32)
        self._first = 0  # the stream's sample that ``_pending`` begins with
        self._overlong = False
        self._words: list[Word] = []

    def accept(self, pcm: bytes) -> Hypothesis:
        new = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
        self._pending = np.concatenate((self._pending, new))
        self._listen(at_end=False)
        return Hypothesis(tuple(self._words), self._adaptation)

    def finish(self) -> Hypothesis:
        self._listen(at_end=True)
        return Hypothesis(tuple(self._words), self._adaptation)

    def close(self) -> None:
        """Nothing is held."""

    def _listen(self, *, at_end: bool) -> None:
        """Take every sound that is followed by silence out of what is pending."""
        loud = np.flatnonzero(np.abs(self._pending) > _LOUD)
        if not len(loud):
            self._forget(len(self._pending))
            return
        breaks = np.flatnonzero(np.diff(loud) > self._silence)
        begins = loud[np.concatenate(([0], breaks + 1))]
        ends = loud[np.concatenate((breaks, [len(loud) - 1]))] + 1
        for begin, end in zip(begins, ends, strict=True):
            if at_end or end + self._silence <= len(self._pending):
                self._read(int(begin), int(end))
            elif end - begin > _MAX_BURST_S * self._rate + self._silence:
                self._overlong = True  # keep its end alone, to know when it ends
                self._forget(int(end) - 1)
                return
            else:
                self._forget(int(begin))
                return
        self._forget(len(self._pending))

    def _forget(self, samples: int) -> None:
        self._pending = self._pending[samples:].copy()
        self._first += samples

    def _read(self, begin: int, end: int) -> None:
        overlong, self._overlong = self._overlong, False
        number = None if overlong else _decode(self._pending[begin:end], self._rate)
        if number is not None:
            start, stop = ((self._first + at) / self._rate for at in (begin, end))
            self._words.append(Word(start, stop, str(number), 1.0))


def _decode(sound: NDArray[np.float32], rate: int) -> int | None:
    """The integer that a burst carries, or None where anything about it is wrong."""
    symbol = len(sound) / _SYMBOLS
    if not _MIN_SYMBOL_S * 0.95 <= symbol / rate <= _MAX_BURST_S / _SYMBOLS * 1.05:
        return None
    window = int(symbol * _WINDOW)
    begins = ((np.arange(_SYMBOLS) + (1 - _WINDOW) / 2) * symbol).astype(int)
    pieces = sound[begins[:, np.newaxis] + np.arange(window)]
    power = np.abs(pieces @ _basis(rate, window)) ** 2 * (2 / window)
    tones = power.argmax(axis=1)
    held = power[np.arange(_SYMBOLS), tones]
    if (held < _PURITY * (pieces**2).sum(axis=1)).any():
        return None
    digits = [int(tone) for tone in tones]
    if _MARK in digits[1:-1]:
        return None
    number = int("".join(f"{digit:x}" for digit in digits[1 : 1 + _DIGITS]), 16)
    return number if _symbols(number) == digits else None


@functools.lru_cache(maxsize=64)
def _basis(rate: int, window: int) -> NDArray[np.complex64]:
    """[window, 17]: one complex exponential a tone."""
    turns = np.outer(np.arange(window), _TONES_HZ) / rate
    return cast("NDArray[np.complex64]", np.exp(-2j * np.pi * turns).astype(np.complex64))


class ToneActivity:
    """The VoiceActivity of tones: 1.0 where a frame of 32 ms is louder than -45 dBFS, else 0.0."""

    frame_s = 0.032
    blocking = False
    _POWER = (32768 * 10 ** (-45 / 20)) ** 2

    def start(self, rate: int) -> ActivityState:
        self.frame_samples(rate)
        return rate

    def frame_samples(self, rate: int) -> int:
        if rate not in RATES:
            raise UnsupportedRate(f"Tones are found at 8000 or 16000 Hz but got {rate} Hz.")
        return round(rate * self.frame_s)

    def probabilities(self, state: ActivityState, pcm: bytes) -> tuple[list[float], ActivityState]:
        frame = self.frame_samples(cast(int, state))
        samples = np.frombuffer(pcm, "<i2")
        if len(samples) % frame:
            raise ValueError(f"expected whole frames of {frame} samples but got {len(samples)}")
        power = (samples.reshape(-1, frame).astype(np.float32) ** 2).mean(axis=1)
        return (power > self._POWER).astype(float).tolist(), state

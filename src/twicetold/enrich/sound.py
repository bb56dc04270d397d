"""Sound without what was removed from its words: a beep or silence in its place. Sans-I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twicetold.enrich.steps import Facts
from twicetold.speech.transcript import Segment

Span = tuple[float, float]

VERSION = 2  # raise it with every change that covers something else

_BEEP_HZ = 1000.0
_BEEP_LEVEL = 0.08 * 32767  # about -25 dBFS: heard, and not startling
_FADE_S = 0.005  # a step in the sound is a click
# Beyond what the engine may err: where its words end exactly at the stated error, the frame that
# they end in would still be heard. Two of the 10 ms frames in which speech is analysed.
_MARGIN_S = 0.02


def spans_to_cover(
    removed: Iterable[Mapping[str, Any]], segments: Sequence[Segment], facts: Facts
) -> list[Span]:
    """Where personal data is said, in seconds, wider than what the engine may err, apart, by time.

    ``removed`` are the redaction's findings (``start``, ``end``, ``channel``). Where the engine
    gave no word times, each is as wide as its segment: nobody knows where in it.
    """
    wider_s = facts.time_error_s + _MARGIN_S
    spans = []
    for each in removed:
        start, end = float(each["start"]), float(each["end"])
        if not facts.word_times:
            start, end = _whole_segment(segments, int(each["channel"]), start, end)
        spans.append((max(0.0, start - wider_s), end + wider_s))
    return merged(spans)


def _whole_segment(
    segments: Sequence[Segment], channel: int, start: float, end: float
) -> tuple[float, float]:
    touched = [s for s in segments if s.channel == channel and s.start <= end and s.end >= start]
    return (
        min([start, *(segment.start for segment in touched)]),
        max([end, *(segment.end for segment in touched)]),
    )


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same stretches of time, by time and apart."""
    together: list[Span] = []
    for start, end in sorted(spans):
        if together and start <= together[-1][1]:
            together[-1] = together[-1][0], max(together[-1][1], end)
        else:
            together.append((start, end))
    return together


class Cover:
    """Takes interleaved PCM s16le in whole frames, in order, and gives it back covered.

    All channels are covered: what is said into one is often heard on the other.
    """

    def __init__(self, rate: int, channels: int, spans: Sequence[Span], sound: str) -> None:
        """``sound`` is ``beep`` or ``silence``."""
        self._rate, self._channels, self._beeps = rate, channels, sound == "beep"
        self._spans = [(int(start * rate), int(np.ceil(end * rate))) for start, end in spans]
        self._next = 0  # the first span that may reach into what is to come
        self._at = 0  # samples given back so far

    def cover(self, pcm: bytes) -> bytes:
        frames = np.frombuffer(pcm, dtype="<i2").reshape(-1, self._channels)
        begin, end = self._at, self._at + len(frames)
        self._at = end
        while self._next < len(self._spans) and self._spans[self._next][1] <= begin:
            self._next += 1
        hit = list(takewhile(lambda span: span[0] < end, self._spans[self._next :]))
        if not hit:
            return pcm
        covered = frames.copy()
        for start, stop in hit:
            first, last = max(start, begin), min(stop, end)
            covered[first - begin : last - begin] = self._instead(first, last, start, stop)[:, None]
        return covered.tobytes()

    def _instead(self, first: int, last: int, start: int, stop: int) -> NDArray[np.int16]:
        """What is heard from sample ``first`` on, before ``last``, of the span that begins with
        sample ``start`` and ends before ``stop``."""
        if not self._beeps:
            return np.zeros(last - first, np.int16)
        at = np.arange(first, last)
        edge = np.minimum(at - start, stop - 1 - at) / (_FADE_S * self._rate)
        tone = np.sin(2 * np.pi * _BEEP_HZ / self._rate * (at - start))
        beep: NDArray[np.int16] = (_BEEP_LEVEL * np.clip(edge, 0.0, 1.0) * tone).astype(np.int16)
        return beep

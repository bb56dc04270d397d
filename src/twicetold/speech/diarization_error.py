"""Diarization error rate, as NIST defined it for Rich Transcription 2009: nothing is forgiven
around the turns' bounds unless it is asked for, and speech of several at once is scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from twicetold.errors import MissingExtra
from twicetold.speech.turns import Turn


@dataclass(frozen=True, slots=True)
class DiarizationErrors:
    """Seconds of speaker time. Add them up before you take the rate."""

    missed: float = 0.0
    false_alarm: float = 0.0
    confused: float = 0.0
    reference: float = 0.0

    def __add__(self, other: DiarizationErrors) -> DiarizationErrors:
        return DiarizationErrors(
            self.missed + other.missed,
            self.false_alarm + other.false_alarm,
            self.confused + other.confused,
            self.reference + other.reference,
        )

    @property
    def rate(self) -> float:
        """What is wrong, by the reference's speaker time; infinite where that is 0."""
        wrong = self.missed + self.false_alarm + self.confused
        if self.reference:
            return wrong / self.reference
        return float("inf") if wrong else 0.0


def diarization_errors(
    reference: Sequence[Turn], heard: Sequence[Turn], collar_s: float = 0.0
) -> DiarizationErrors:
    """Errors of ``heard``, with its speakers mapped one to one to those of the reference so that
    they share the most time.

    ``collar_s``: so much on each side of a bound of the reference is not scored.
    Raises MissingExtra without scipy, which finds the mapping.
    """
    bounds = _bounds(reference, heard, collar_s)
    lengths = np.diff(bounds)
    middles = (bounds[1:] + bounds[:-1]) / 2
    lengths = lengths * ~_near(middles, reference, collar_s)
    ours, theirs = _speaking(reference, middles), _speaking(heard, middles)
    said, told = ours.sum(axis=0), theirs.sum(axis=0)
    right = _right(ours, theirs, lengths)
    return DiarizationErrors(
        missed=float(lengths @ np.maximum(0, said - told)),
        false_alarm=float(lengths @ np.maximum(0, told - said)),
        confused=float(lengths @ (np.minimum(said, told) - right)),
        reference=float(lengths @ said),
    )


def _bounds(reference: Iterable[Turn], heard: Iterable[Turn], collar_s: float) -> np.ndarray:
    times = {0.0}
    for turn in reference:
        for bound in (turn.start, turn.end):
            times |= {bound - collar_s, bound, bound + collar_s}
    for turn in heard:
        times |= {turn.start, turn.end}
    return np.array(sorted(times))


def _near(middles: np.ndarray, reference: Iterable[Turn], collar_s: float) -> np.ndarray:
    """Which stretches lie within the collar of a bound of the reference."""
    near = np.zeros(len(middles), bool)
    for turn in reference if collar_s else ():
        for bound in (turn.start, turn.end):
            near |= np.abs(middles - bound) < collar_s
    return near


def _speaking(turns: Iterable[Turn], middles: np.ndarray) -> np.ndarray:
    """Bool [speakers, stretches]."""
    by_speaker: dict[str, np.ndarray] = {}
    for turn in turns:
        speaks = by_speaker.setdefault(turn.speaker, np.zeros(len(middles), bool))
        first, last = np.searchsorted(middles, (turn.start, turn.end))
        speaks[first:last] = True
    if not by_speaker:
        return np.zeros((0, len(middles)), bool)
    return np.stack(list(by_speaker.values()))


def _right(ours: np.ndarray, theirs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """How many speakers are named rightly in each stretch, under the best mapping."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingExtra(
            "Diarization is scored with scipy.", "pip install 'scipy>=1.11'"
        ) from error
    together = (ours * lengths) @ theirs.T
    pairs = zip(*linear_sum_assignment(together, maximize=True), strict=True)
    right = np.zeros(len(lengths))
    for mine, yours in pairs:
        right += ours[mine] & theirs[yours]
    return right

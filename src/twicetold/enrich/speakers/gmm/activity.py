"""Where in a stretch of frames somebody speaks: from a detector's probabilities, or by loudness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twicetold.enrich.speakers.gmm.features import FRAMES_A_SECOND, Floats

Stretch = tuple[int, int]  # frames, end exclusive

_BEGINS, _ENDS = 0.5, 0.35
_SHORTEST_PAUSE = 40  # frames: a shorter one belongs to the speech around it
_SHORTEST_SPEECH = 15
_ABOVE_FLOOR = 0.35  # of the way from the quietest to the loudest, where nobody detects speech


def stretches(
    probabilities: Sequence[float], first_s: float, frame_s: float, frames: int
) -> list[Stretch]:
    """Speech in ``frames`` frames that begin at ``first_s`` on the clock of the probabilities,
    each of which holds for ``frame_s``. Where none are left, nobody speaks."""
    at = first_s + (np.arange(frames) + 0.5) / FRAMES_A_SECOND
    index = (at / frame_s).astype(int)
    known = np.append(np.asarray(probabilities, np.float32), np.float32(0))
    return tidied(_hysteresis(known[np.minimum(index, len(known) - 1)]))


def loud_stretches(loudness: Floats) -> list[Stretch]:
    """The same by loudness alone: for a quiet line, not for music or noise."""
    if not len(loudness):
        return []
    quiet, loud = np.percentile(loudness, (5, 95))
    if loud - quiet < 2.0:
        return []
    return tidied(loudness > quiet + _ABOVE_FLOOR * (loud - quiet))


def tidied(speech: NDArray[np.bool_]) -> list[Stretch]:
    """Short pauses are filled first: a detector doubts single frames of a steady voice."""
    joined: list[Stretch] = []
    for start, end in _runs(speech):
        if joined and start - joined[-1][1] < _SHORTEST_PAUSE:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return [(start, end) for start, end in joined if end - start >= _SHORTEST_SPEECH]


def _hysteresis(probability: Floats) -> NDArray[np.bool_]:
    """Speech from a frame of ``_BEGINS`` on up to the first below ``_ENDS``."""
    sure, over = probability >= _BEGINS, probability < _ENDS
    marks = np.where(sure, 1, np.where(over, -1, 0))
    last = np.maximum.accumulate(np.where(marks != 0, np.arange(len(marks)), -1))
    speech: NDArray[np.bool_] = (last >= 0) & (marks[np.maximum(last, 0)] == 1)
    return speech


def _runs(flags: NDArray[np.bool_]) -> list[Stretch]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]

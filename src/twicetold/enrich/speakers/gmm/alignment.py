"""Where exactly each voice speaks: frames aligned anew with mixtures of what was found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twicetold.enrich.speakers.gmm.activity import Stretch
from twicetold.enrich.speakers.gmm.clustering import Labels
from twicetold.enrich.speakers.gmm.features import Floats
from twicetold.enrich.speakers.gmm.gaussians import fitted

_ROUNDS = 2
_STEP = 5  # frames that belong to one speaker together
_MOST_COMPONENTS = 16
_FRAMES_A_COMPONENT = 100
_LEAST_FRAMES = 100  # of a voice; what was found of less is another's
_WORST = 12.0  # how much less likely than with the likeliest a frame may make a speaker
_CHANGE = 100.0  # log-likelihood that a change of speakers must bring


def aligned(
    labels: Labels, frames: Floats, heard: NDArray[np.bool_], speech: Sequence[Stretch]
) -> Labels:
    """The clusters' labels for each frame within ``speech``, −1 elsewhere; small ones are gone."""
    for _ in range(_ROUNDS):
        labels = _realigned(labels, frames, heard, speech)
    return labels


def _realigned(
    labels: Labels, frames: Floats, heard: NDArray[np.bool_], speech: Sequence[Stretch]
) -> Labels:
    inside = np.zeros(len(frames), bool)
    for start, end in speech:
        inside[start:end] = True
    found = np.full(len(frames), -1)
    voices = _voices(labels, heard)
    if len(voices) < 2:
        found[inside] = voices[0] if voices else 0
        return found
    scores = _scores(labels, frames, heard, voices)[inside]
    scores[~heard[inside]] = 0
    blocks = np.add.reduceat(scores, np.arange(0, len(scores), _STEP), axis=0)
    path = _best_path(blocks, _CHANGE)
    found[inside] = np.array(voices)[np.repeat(path, _STEP)[: len(scores)]]
    return found


def _voices(labels: Labels, heard: NDArray[np.bool_]) -> list[int]:
    names, counts = np.unique(labels[heard & (labels >= 0)], return_counts=True)
    large = [int(name) for name, count in zip(names, counts, strict=True) if count >= _LEAST_FRAMES]
    return large or ([int(names[counts.argmax()])] if len(names) else [])


def _scores(
    labels: Labels, frames: Floats, heard: NDArray[np.bool_], voices: Sequence[int]
) -> Floats:
    """How likely each voice makes each frame, in log, limited: f32[T, voices]."""
    columns = []
    for voice in voices:
        own = frames[(labels == voice) & heard]
        components = min(_MOST_COMPONENTS, max(1, len(own) // _FRAMES_A_COMPONENT))
        columns.append(fitted(own, components).log_likelihoods(frames))
    scores: Floats = np.stack(columns, axis=1)
    limit: Floats = scores.max(axis=1, keepdims=True) - np.float32(_WORST)
    return np.maximum(scores, limit, out=scores)


def _best_path(scores: Floats, change: float) -> Labels:
    """The most likely speaker of each row of scores f32[T, K], where each change costs so much
    (Viterbi, 1967; all changes cost the same, so only the best speaker is worth leaving)."""
    length, speakers = scores.shape
    came = np.zeros((length, speakers), np.int64)
    stay = np.arange(speakers)
    total = scores[0].astype(np.float64)
    for at in range(1, length):
        best = int(total.argmax())
        left = total[best] - change
        came[at] = np.where(left > total, best, stay)
        total = np.maximum(total, left) + scores[at]
    path = np.zeros(length, np.int64)
    path[-1] = total.argmax()
    for at in range(length - 1, 0, -1):
        path[at - 1] = came[at, path[at]]
    return path

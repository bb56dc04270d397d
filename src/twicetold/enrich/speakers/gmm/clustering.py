"""Speakers of one stretch of a recording: how many they are, and about where each speaks.

Pieces of about 2.5 s are described by how they move the means of a small background model (the
supervector of Campbell, Sturim & Reynolds, 2006) and by their pitch, and joined from the bottom up
(Ward, 1963) to more clusters than there will be speakers. Those are joined further by the Bayesian
information criterion, and where that suddenly becomes expensive, voices would be joined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from twicetold.enrich.speakers.gmm.activity import Stretch
from twicetold.enrich.speakers.gmm.features import Features, Floats
from twicetold.enrich.speakers.gmm.gaussians import Doubles, Moments, difference, fitted, summed

Labels = NDArray[np.int64]  # of frames or pieces

MOST_SPEAKERS = 8
_CLUSTERS = 12  # to begin with: enough that the last joints within one voice are seen
_PIECE, _STEP = 250, 125  # frames
_LEAST_HEARD = 40  # loud frames a piece needs
_BACKGROUND = 8  # components
_RELEVANCE = 8.0  # frames by which a piece must outweigh the background
_PITCH_WEIGHT = 2.0
_VOICED = 0.7
_LEAST_VOICED = 8  # frames
_LEAST_DIFFERENCE = 1.6  # between two voices, see gaussians.difference, of each of which
_LEAST_DIFFERENCE_FRAMES = 2_200  # frames are heard at the most
_LEAST_JUMP = 1.4  # from the dearest joint within a voice to the cheapest between two
_USUAL_DIFFERENCE = 1.1  # within a voice: jumps from less than that are no news


def clustered(
    frames: Floats, features: Features, heard: NDArray[np.bool_], speech: Sequence[Stretch]
) -> Labels:
    """A cluster for each frame within ``speech``, −1 elsewhere. ``frames``: normalised f32[T, D];
    ``heard``: which of them are loud enough to say something."""
    labels = np.full(len(frames), -1)
    pieces = _pieces(speech, heard)
    inside = _indices(speech)
    if not pieces:
        labels[inside] = 0
        return labels
    clusters = _joined_by_likeness(_descriptions(pieces, frames, features, heard))
    middles = np.array([(start + end) / 2 for start, end in pieces])
    labels[inside] = clusters[_nearest(middles, inside)]
    return _joined_by_criterion(labels, frames, heard)


def _indices(speech: Sequence[Stretch]) -> Labels:
    parts = [np.arange(start, end) for start, end in speech]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _pieces(speech: Sequence[Stretch], heard: NDArray[np.bool_]) -> list[Stretch]:
    """Overlapping pieces of each stretch, spread evenly over it."""
    pieces: list[Stretch] = []
    for start, end in speech:
        count = 1 + max(0, -(-(end - start - _PIECE) // _STEP))
        begins = np.linspace(start, max(start, end - _PIECE), count).astype(int)
        pieces += [(int(begin), min(end, int(begin) + _PIECE)) for begin in begins]
    return [piece for piece in pieces if heard[slice(*piece)].sum() >= _LEAST_HEARD]


def _nearest(middles: Doubles, at: Labels) -> Labels:
    """For each frame the piece whose middle is nearest; both go up."""
    after = np.clip(np.searchsorted(middles, at), 1, max(1, len(middles) - 1))
    before = after - 1
    after = np.minimum(after, len(middles) - 1)
    nearest: Labels = np.where(at - middles[before] <= middles[after] - at, before, after)
    return nearest


def _descriptions(
    pieces: Sequence[Stretch], frames: Floats, features: Features, heard: NDArray[np.bool_]
) -> Doubles:
    """f64[pieces, background components * D + 1]."""
    background = fitted(frames[heard], _BACKGROUND, 10)
    scale = np.sqrt(background.weights)[:, None] / np.sqrt(background.variances)
    moved = []
    for start, end in pieces:
        loud = frames[start:end][heard[start:end]]
        shares = background.shares(loud)
        count = shares.sum(axis=0)[:, None]
        offset = (shares.T @ loud - count * background.means) / (count + _RELEVANCE)
        moved.append((scale * offset).ravel())
    pitches = _pitches(pieces, features, heard)
    return np.column_stack((np.array(moved), _PITCH_WEIGHT * (pitches - pitches.mean())))


def _pitches(pieces: Sequence[Stretch], features: Features, heard: NDArray[np.bool_]) -> Doubles:
    """The median of each piece, that of all where it has too little voice."""
    voiced = heard & (features.voicing > _VOICED)
    usual = float(np.median(features.pitch[voiced])) if voiced.any() else 0.0
    found = np.full(len(pieces), usual)
    for index, (start, end) in enumerate(pieces):
        own = features.pitch[start:end][voiced[start:end]]
        if len(own) > _LEAST_VOICED:
            found[index] = np.median(own)
    return found


def _joined_by_likeness(descriptions: Doubles) -> Labels:
    from scipy.cluster.hierarchy import fcluster, linkage

    wanted = min(_CLUSTERS, max(1, len(descriptions) // 3))
    if wanted == 1:
        return np.zeros(len(descriptions), np.int64)
    tree = linkage(descriptions, "ward")
    found: Labels = fcluster(tree, wanted, "maxclust").astype(np.int64) - 1
    return found


def _joined_by_criterion(labels: Labels, frames: Floats, heard: NDArray[np.bool_]) -> Labels:
    """Joins the two clusters that differ least again and again, and goes back to where the voices
    were apart: before the greatest jump of that difference."""
    moments = {
        int(each): Moments.of(frames[(labels == each) & heard])
        for each in np.unique(labels[labels >= 0])
    }
    prior = summed(list(moments.values())).covariance
    apart = {
        pair: difference(moments[pair[0]], moments[pair[1]], prior)
        for pair in combinations(sorted(moments), 2)
    }
    joints: list[tuple[int, int]] = []
    jumps: list[tuple[float, float]] = []  # how much each pair differs, and what the smaller holds
    while apart:
        (kept, gone), least = min(apart.items(), key=lambda item: (item[1], item[0]))
        joints.append((kept, gone))
        jumps.append((least, min(moments[kept].count, moments[gone].count)))
        moments[kept] = moments[kept] + moments.pop(gone)
        apart = {
            pair: difference(moments[pair[0]], moments[pair[1]], prior) if kept in pair else value
            for pair, value in apart.items()
            if gone not in pair
        }
    found = labels.copy()
    for kept, gone in joints[: _joints_within_voices(jumps)]:
        found[found == gone] = kept
    return found


def _joints_within_voices(jumps: Sequence[tuple[float, float]]) -> int:
    """How many of the joints to make, cheapest first: all, unless one stands out."""
    best, made = _LEAST_JUMP, len(jumps)
    for index in range(1, len(jumps)):
        (within, _), (between, smaller) = jumps[index - 1], jumps[index]
        jump = between / max(within, _USUAL_DIFFERENCE)
        if between >= _least_difference(smaller) and jump >= best:
            best, made = jump, index
    return max(made, len(jumps) + 1 - MOST_SPEAKERS)


def _least_difference(frames: float) -> float:
    """Between two voices, of the quieter of which so much is heard. The moods of one voice show
    the more clearly the longer it is heard, but more slowly than another voice does."""
    return _LEAST_DIFFERENCE * max(1.0, math.sqrt(frames / _LEAST_DIFFERENCE_FRAMES))

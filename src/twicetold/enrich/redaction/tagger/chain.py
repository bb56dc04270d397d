"""A linear chain of two labels, in or out: probabilities.

Lafferty, McCallum, Pereira (2001), Conditional Random Fields. Out scores nothing, in ``scores``;
``joined[a, b]`` is what label b gets for standing behind a.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def marginals(scores: Floats, joined: Floats) -> Floats:
    """For each of ``scores`` (words,) the probability of being in, by forward and backward."""
    inside, _ = batch_marginals(
        np.stack([np.zeros_like(scores), scores], 1)[None], np.array([len(scores)]), joined
    )
    return np.asarray(inside[0])


def batch_marginals(
    scores: Floats, lengths: NDArray[np.int64], joined: Floats
) -> tuple[Floats, Floats]:
    """Of many turns at once: ``scores`` (turns, most words, 2), padded behind ``lengths``.

    Returns the probability of being in (turns, most words; 0 in the padding), and the expected
    counts of each pair of neighbours, (2, 2).
    """
    turns, most, _ = scores.shape
    forward, backward = np.empty_like(scores), np.zeros_like(scores)
    if not most:
        return np.zeros((turns, 0)), np.zeros((2, 2))
    forward[:, 0] = scores[:, 0]
    for at in range(1, most):
        forward[:, at] = scores[:, at] + _sum(forward[:, at - 1, :, None] + joined, 1)
    for at in range(most - 2, -1, -1):
        ahead = _sum(joined + (scores[:, at + 1] + backward[:, at + 1])[:, None, :], 2)
        backward[:, at] = np.where((at + 1 < lengths)[:, None], ahead, 0.0)
    total = _sum(forward[np.arange(turns), lengths - 1], 1)
    held = np.arange(most) < lengths[:, None]
    inside = np.where(held, np.exp(forward[..., 1] + backward[..., 1] - total[:, None]), 0.0)
    pairs = np.zeros((2, 2))
    if most > 1:
        both = (
            forward[:, :-1, :, None]
            + joined
            + (scores + backward)[:, 1:, None, :]
            - total[:, None, None, None]
        )
        pairs = np.exp(np.where(held[:, 1:, None, None], both, -np.inf)).sum((0, 1))
    return inside, pairs


def _sum(scores: Floats, axis: int) -> Floats:
    """log of the sum of exponents."""
    top = scores.max(axis)
    return np.asarray(top + np.log(np.exp(scores - np.expand_dims(top, axis)).sum(axis)))


def log_odds(scores: Sequence[float], joined: Sequence[Sequence[float]]) -> list[float]:
    """What `marginals` gives, as log of the odds; faster for a turn at a time."""
    (out_out, out_in), (in_out, in_in) = joined
    ahead = [0.0] * len(scores)
    for at in range(len(scores) - 2, -1, -1):
        then = scores[at + 1] + ahead[at + 1]
        ahead[at] = _log_sum(in_out, in_in + then) - _log_sum(out_out, out_in + then)
    odds, behind = [], 0.0
    for at, score in enumerate(scores):
        if at:
            behind = _log_sum(out_in, in_in + behind) - _log_sum(out_out, in_out + behind)
        behind += score
        odds.append(behind + ahead[at])
    return odds


def _log_sum(one: float, other: float) -> float:
    more, less = (one, other) if one > other else (other, one)
    return more + math.log1p(math.exp(less - more))

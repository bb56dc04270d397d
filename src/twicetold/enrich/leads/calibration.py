"""From scores to probabilities, on outcomes: Platt scaling, or isotonic regression.

Platt (1999) with the numerically safe steps of Lin, Lin and Weng (2007); isotonic regression by
pooling adjacent violators (Ayer et al., 1955). Both rise with the score, or are refused: what
calibrates a score may not turn it round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from twicetold.errors import BadParameter

FEWEST, FEWEST_OF_A_KIND = 30, 5
_FOLDS = 5
_BINS = 5
_STEPS, _HALVINGS, _SMALL = 100, 40, 1e-10
_RIDGE = 1e-12

Floats = NDArray[np.float64]


class Method(StrEnum):
    PLATT = "platt"
    ISOTONIC = "isotonic"


@dataclass(frozen=True, slots=True)
class Calibration:
    """``rubric``: the fingerprint whose scores it is about; ``calls`` of which ``won`` went well.

    Platt: 1 / (1 + exp(-(slope * score + intercept))). Isotonic: linear between ``knots`` (score,
    probability).
    """

    method: Method
    rubric: str
    calls: int
    won: int
    slope: float = 0.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()

    def probability(self, score: float) -> float:
        if self.method is Method.PLATT:
            return float(_logistic(np.array(self.slope * score + self.intercept)))
        scores, probabilities = zip(*self.knots, strict=True)
        return float(np.interp(score, scores, probabilities))


@dataclass(frozen=True, slots=True)
class Quality:
    """Brier scores (mean squared error of the probability; lower is better): of the calibration,
    each fifth of the calls judged by the other four, and of always saying the share of good
    outcomes. ``bins``: calls, mean probability, share of good outcomes, by rising probability."""

    brier: float
    brier_of_share: float
    bins: tuple[tuple[int, float, float], ...]


def calibrate(
    scores: Sequence[float],
    outcomes: Sequence[bool],
    *,
    rubric: str = "",
    method: Method = Method.PLATT,
) -> Calibration:
    """Raises BadParameter for fewer than 30 calls or 5 of a kind, and where better scores do not
    go with better outcomes."""
    won = sum(map(bool, outcomes))
    if len(scores) < FEWEST or not FEWEST_OF_A_KIND <= won <= len(scores) - FEWEST_OF_A_KIND:
        raise BadParameter(
            f"{len(scores)} calls, {won} of them with a good outcome, are too few to calibrate on.",
            f"It takes {FEWEST} calls, of which {FEWEST_OF_A_KIND} went well and "
            f"{FEWEST_OF_A_KIND} did not.",
        )
    x, y = np.asarray(scores, float), np.asarray(outcomes, float)
    made = Calibration(method, rubric, len(scores), won)
    if method is Method.ISOTONIC:
        return replace(made, knots=_isotonic(x, y))
    slope, intercept = _platt(x, y)
    if slope <= 0.0:
        raise BadParameter(
            "Calls with higher scores do not have better outcomes, so the scores cannot be "
            "calibrated.",
            "Look at the rubric's weights: some of them point the wrong way.",
        )
    return replace(made, slope=slope, intercept=intercept)


def quality(
    scores: Sequence[float], outcomes: Sequence[bool], *, method: Method = Method.PLATT
) -> Quality:
    """How good a calibration on these is on calls that it has not seen."""
    x, y = np.asarray(scores, float), np.asarray(outcomes, float)
    fold = _folds(y)
    told = np.empty_like(y)
    for number in range(_FOLDS):
        rest, these = fold != number, fold == number
        if method is Method.ISOTONIC:
            knots = np.array(_isotonic(x[rest], y[rest]))
            told[these] = np.interp(x[these], knots[:, 0], knots[:, 1])
        else:
            slope, intercept = _platt(x[rest], y[rest])
            told[these] = _logistic(max(0.0, slope) * x[these] + intercept)
    bins = [part for part in np.array_split(np.argsort(told, kind="stable"), _BINS) if part.size]
    return Quality(
        float(np.mean((told - y) ** 2)),
        float(np.mean((np.mean(y) - y) ** 2)),
        tuple((int(p.size), float(told[p].mean()), float(y[p].mean())) for p in bins),
    )


def _folds(y: Floats) -> NDArray[np.int64]:
    """Fifths, each with its share of good outcomes; always the same."""
    fold = np.empty(len(y), int)
    for kind in (0.0, 1.0):
        members = np.flatnonzero(y == kind)
        fold[members] = np.arange(len(members)) % _FOLDS
    return fold


def _platt(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and intercept: Newton's steps, halved until they are better."""
    middle, spread = float(np.mean(x)), float(np.std(x)) or 1.0
    z = (x - middle) / spread
    won = float(np.sum(y))
    lost = len(y) - won
    target = np.where(y > 0, (won + 1) / (won + 2), 1 / (lost + 2))
    a, b = 0.0, float(np.log((won + 1) / (lost + 1)))
    loss = _loss(a, b, z, target)
    for _ in range(_STEPS):
        p = _logistic(a * z + b)
        slope = np.array([np.sum((p - target) * z), np.sum(p - target)])
        if float(np.max(np.abs(slope))) < _SMALL * len(y):
            break
        w = p * (1 - p)
        hessian = np.array([[np.sum(w * z * z), np.sum(w * z)], [np.sum(w * z), np.sum(w)]])
        step = np.linalg.solve(hessian + _RIDGE * np.eye(2), slope)
        for _ in range(_HALVINGS):
            new = _loss(a - step[0], b - step[1], z, target)
            if new <= loss:
                break
            step = step / 2
        a, b, loss = a - float(step[0]), b - float(step[1]), new
    return a / spread, b - a * middle / spread


def _loss(a: float, b: float, z: Floats, target: Floats) -> float:
    """Cross-entropy, without overflow."""
    f = a * z + b
    return float(np.sum(np.logaddexp(0.0, f) - target * f))


def _logistic(f: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * f)), float)


def _isotonic(x: Floats, y: Floats) -> tuple[tuple[float, float], ...]:
    """Knots of a rising line; nobody is certain: ends stay off 0 and 1 by what the number of
    calls allows (Laplace's rule)."""
    blocks: list[tuple[float, float, float, float]] = []  # first, last score, sum, count
    for score in np.unique(x):
        same = y[x == score]
        blocks.append((float(score), float(score), float(np.sum(same)), float(same.size)))
        while len(blocks) > 1 and blocks[-2][2] * blocks[-1][3] >= blocks[-1][2] * blocks[-2][3]:
            (_, last, more, others), (first, _, total, count) = blocks.pop(), blocks.pop()
            blocks.append((first, last, total + more, count + others))
    least = 1 / (len(y) + 2)
    knots: list[tuple[float, float]] = []
    for first, last, total, count in blocks:
        value = min(max(total / count, least), 1 - least)
        knots += [(first, value)] if first == last else [(first, value), (last, value)]
    return tuple(knots)

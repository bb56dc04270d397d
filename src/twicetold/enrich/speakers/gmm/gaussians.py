"""Gaussians of stretches of sound: one with a full covariance, and mixtures of diagonal ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twicetold.enrich.speakers.gmm.features import Floats

Doubles = NDArray[np.float64]

_PRIOR_FRAMES = 20.0  # as many frames of the whole recording are mixed into a covariance
_STEPS = 5
_LEAST_VARIANCE = 0.05  # of the data's own
_AT_ONCE = 8_192  # frames: what a mixture computes for them fits into the cache


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum f64[D] and sum of squares f64[D, D] of frames: what a Gaussian needs, and what
    two stretches of the same voice add up to."""

    count: float
    total: Doubles
    squares: Doubles

    @classmethod
    def of(cls, frames: Floats) -> Moments:
        size = frames.shape[1]
        total, squares = np.zeros(size), np.zeros((size, size))
        for begin in range(0, len(frames), _AT_ONCE):
            exact = frames[begin : begin + _AT_ONCE].astype(np.float64)
            total += exact.sum(axis=0)
            squares += exact.T @ exact
        return cls(float(len(frames)), total, squares)

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.count + other.count, self.total + other.total, self.squares + other.squares
        )

    def of_weight(self, most: float) -> Moments:
        """The same Gaussian of ``most`` frames at the most."""
        share = min(1.0, most / max(self.count, 1.0))
        return Moments(self.count * share, self.total * share, self.squares * share)

    @property
    def covariance(self) -> Doubles:
        mean = self.total / self.count
        found: Doubles = self.squares / self.count - np.outer(mean, mean)
        return found


def summed(moments: Sequence[Moments]) -> Moments:
    """Of all of them together; of one at least."""
    total = moments[0]
    for each in moments[1:]:
        total = total + each
    return total


def difference(one: Moments, other: Moments, prior: Doubles) -> float:
    """By how much two Gaussians explain two stretches better than one does, in units of what the
    Bayesian information criterion takes for their parameters (Chen & Gopalakrishnan, 1998): 1 is
    where the criterion is undecided. ``prior``: covariance f64[D, D] of the whole recording."""
    both = one + other
    gain = _cost(both, prior) - _cost(one, prior) - _cost(other, prior)
    size = len(both.total)
    penalty = 0.5 * (size + size * (size + 1) / 2) * np.log(max(both.count, 3.0))
    return float(0.5 * gain / penalty)


def _cost(moments: Moments, prior: Doubles) -> float:
    if moments.count < 1:
        return 0.0
    mixed = moments.count * moments.covariance + _PRIOR_FRAMES * prior
    return float(moments.count * np.linalg.slogdet(mixed / (moments.count + _PRIOR_FRAMES))[1])


@dataclass(frozen=True, slots=True)
class Mixture:
    """Weights f64[K], means f64[K, D] and variances f64[K, D]."""

    weights: Doubles
    means: Doubles
    variances: Doubles

    def log_densities(self, frames: Floats) -> Doubles:
        """Of each component, with its weight: f64[T, K]."""
        inverse = 1 / self.variances
        constant = np.log(self.weights) - 0.5 * (
            np.log(2 * np.pi * self.variances) + self.means * self.means * inverse
        ).sum(axis=1)
        linear = frames @ (self.means * inverse).T
        found: Doubles = constant + linear - 0.5 * (frames * frames) @ inverse.T
        return found

    def log_likelihoods(self, frames: Floats) -> Floats:
        """Of each frame: f32[T]."""
        found = np.empty(len(frames), np.float32)
        for begin in range(0, len(frames), _AT_ONCE):
            piece = self.log_densities(frames[begin : begin + _AT_ONCE])
            highest = piece.max(axis=1)
            rest = np.log(np.exp(piece - highest[:, None]).sum(axis=1))
            found[begin : begin + _AT_ONCE] = highest + rest
        return found

    def shares(self, frames: Floats) -> Doubles:
        """How far each frame belongs to each component: f64[T, K]."""
        densities = self.log_densities(frames)
        raised = np.exp(densities - densities.max(axis=1, keepdims=True))
        found: Doubles = raised / raised.sum(axis=1, keepdims=True)
        return found


def fitted(frames: Floats, components: int, steps: int = _STEPS) -> Mixture:
    """A mixture by expectation maximisation from frames drawn by a fixed seed: the same from the
    same frames, of which there must be at least one."""
    drawn = np.random.default_rng(0).choice(len(frames), components, len(frames) < components)
    spread = frames.var(axis=0).astype(np.float64) + 1e-3
    mixture = Mixture(
        np.full(components, 1 / components),
        frames[drawn].astype(np.float64),
        np.tile(spread, (components, 1)),
    )
    for _ in range(steps):
        mixture = _better(mixture, frames, spread)
    return mixture


def _better(mixture: Mixture, frames: Floats, spread: Doubles) -> Mixture:
    components = len(mixture.weights)
    count = np.full(components, 1e-2)
    total, squares = 1e-2 * mixture.means, np.zeros_like(mixture.means)
    for begin in range(0, len(frames), _AT_ONCE):
        piece = frames[begin : begin + _AT_ONCE]
        shares = mixture.shares(piece)
        count += shares.sum(axis=0)
        total = total + shares.T @ piece
        squares = squares + shares.T @ (piece * piece)
    means = total / count[:, None]
    variances = squares / count[:, None] - means * means
    # A component of few frames would shrink onto them: five frames of half the spread hold it.
    variances = (count[:, None] * variances + 2.5 * spread) / (count[:, None] + 5)
    return Mixture(count / count.sum(), means, np.maximum(variances, _LEAST_VARIANCE * spread))

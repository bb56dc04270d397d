"""The same voices found again, stretch after stretch, by what their Gaussians add up to."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from twicetold.enrich.speakers.gmm.clustering import MOST_SPEAKERS
from twicetold.enrich.speakers.gmm.gaussians import Doubles, Moments, difference

_MOST_FRAMES = 30_000.0  # that a voice is remembered by: what was heard later counts as well
_SURELY_SAME = 1.7  # difference of two stretches of one voice
_OF_DISTANCE = 0.6  # the same voice is no farther than so much of the distance to another one


class Voices:
    """The speakers of a recording so far, numbered from 0; they are 8 at most."""

    def __init__(self) -> None:
        self._known: dict[int, Moments] = {}
        self._made = 0
        self._same: dict[int, int] = {}  # numbers that turned out to be another's

    def place(self, found: Mapping[int, Moments], prior: Doubles) -> dict[int, int]:
        """The number of each voice of the next stretch. No two of them get the same one, and none
        does where it is as far from all known ones as those are from each other."""
        from scipy.optimize import linear_sum_assignment

        names, known = list(found), list(self._known)
        far = np.array(
            [[difference(found[n], self._known[k], prior) for k in known] for n in names]
        ).reshape(len(names), len(known))
        limit = self._limit(found, prior)
        placed: dict[int, int] = {}
        for row, column in zip(*linear_sum_assignment(far), strict=True):
            if far[row, column] <= limit:
                placed[names[row]] = known[column]
        for name in names:
            if name not in placed:
                placed[name], self._made = self._made, self._made + 1
            self._add(placed[name], found[name])
        self._few_enough(prior)
        return placed

    def number(self, placed: int) -> int:
        """Whose voice a number stands for, now that all is heard."""
        while placed in self._same:
            placed = self._same[placed]
        return placed

    def _limit(self, found: Mapping[int, Moments], prior: Doubles) -> float:
        pairs = [*combinations(found.values(), 2), *combinations(self._known.values(), 2)]
        between = [difference(one, other, prior) for one, other in pairs]
        return max(_SURELY_SAME, _OF_DISTANCE * min(between, default=2 * _SURELY_SAME))

    def _add(self, number: int, moments: Moments) -> None:
        known = self._known.get(number)
        total = moments if known is None else known + moments
        self._known[number] = total.of_weight(_MOST_FRAMES)

    def _few_enough(self, prior: Doubles) -> None:
        while len(self._known) > MOST_SPEAKERS:
            kept, gone = min(
                combinations(sorted(self._known), 2),
                key=lambda pair: difference(self._known[pair[0]], self._known[pair[1]], prior),
            )
            self._same[gone] = kept
            self._add(kept, self._known.pop(gone))

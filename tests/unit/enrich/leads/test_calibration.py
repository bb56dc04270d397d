"""Scores become probabilities that rise with them and fit what came of the calls."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twicetold.enrich.leads.calibration import FEWEST, Method, calibrate, quality
from twicetold.errors import BadParameter

pytestmark = pytest.mark.unit

METHODS = pytest.mark.parametrize("method", list(Method))


def calls(number: int, slope: float = 0.1, middle: float = 50.0) -> tuple[list[int], list[bool]]:
    """Outcomes drawn with a probability that is known."""
    draw = random.Random(3)
    scores = [draw.randint(0, 100) for _ in range(number)]
    chance = [1 / (1 + math.exp(-slope * (score - middle))) for score in scores]
    return scores, [draw.random() < each for each in chance]


def test_platt_finds_the_curve_that_outcomes_were_drawn_from() -> None:
    scores, outcomes = calls(5000)
    found = calibrate(scores, outcomes)
    assert found.slope == pytest.approx(0.1, rel=0.1)
    assert found.probability(50) == pytest.approx(0.5, abs=0.03)
    assert (found.calls, found.won) == (5000, sum(outcomes))


def test_platt_is_where_nothing_near_is_better() -> None:
    """The targets are Platt's: (won + 1) / (won + 2) and 1 / (lost + 2)."""
    scores, outcomes = calls(200)
    won = sum(outcomes)
    high, low = (won + 1) / (won + 2), 1 / (200 - won + 2)

    def loss(slope: float, intercept: float) -> float:
        f = slope * np.array(scores) + intercept
        t = np.where(outcomes, high, low)
        return float(np.sum(np.logaddexp(0, f) - t * f))

    found = calibrate(scores, outcomes)
    best = loss(found.slope, found.intercept)
    for by in (1e-3, -1e-3):
        assert loss(found.slope + by, found.intercept) > best
        assert loss(found.slope, found.intercept + by) > best


def test_isotonic_pools_those_who_violate_the_order() -> None:
    scores = [10] * 10 + [20] * 10 + [30] * 10
    outcomes = [True] * 5 + [False] * 5 + [True] * 3 + [False] * 7 + [True] * 9 + [False]
    found = calibrate(scores, outcomes, method=Method.ISOTONIC)
    assert found.knots == ((10, 0.4), (20, 0.4), (30, 0.9))
    assert found.probability(25) == pytest.approx(0.65)
    assert found.probability(0) == 0.4
    assert found.probability(100) == 0.9


def test_nobody_is_certain() -> None:
    scores, outcomes = [10] * 20 + [90] * 20, [False] * 20 + [True] * 20
    for method in Method:
        found = calibrate(scores, outcomes, method=method)
        assert 0 < found.probability(10) < 0.1
        assert 0.9 < found.probability(90) < 1


@METHODS
@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=30, max_size=80))
@pytest.mark.slow
def test_a_higher_score_never_has_a_lower_probability(
    method: Method, pairs: list[tuple[int, bool]]
) -> None:
    scores, outcomes = [score for score, _ in pairs], [won for _, won in pairs]
    assume(5 <= sum(outcomes) <= len(outcomes) - 5)
    try:
        found = calibrate(scores, outcomes, method=method)
    except BadParameter:
        assert method is Method.PLATT
        return
    told = [found.probability(score) for score in range(101)]
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1


def test_scores_that_point_the_wrong_way_are_refused() -> None:
    scores, outcomes = calls(200)
    with pytest.raises(BadParameter, match="higher scores do not have better outcomes"):
        calibrate([100 - score for score in scores], outcomes)
    with pytest.raises(BadParameter, match="higher scores do not have better outcomes"):
        calibrate([50] * 40, [True, False] * 20)


@pytest.mark.parametrize("outcomes", [[True] * 40, [False] * 37 + [True] * 3, [True, False] * 10])
def test_too_little_is_refused(outcomes: list[bool]) -> None:
    with pytest.raises(BadParameter, match="too few") as caught:
        calibrate(list(range(len(outcomes))), outcomes)
    assert str(FEWEST) in caught.value.hint


@METHODS
def test_quality_is_measured_on_calls_that_were_not_seen(method: Method) -> None:
    found = quality(*calls(1000), method=method)
    assert found.brier < 0.6 * found.brier_of_share
    assert sum(number for number, _, _ in found.bins) == 1000
    assert all(abs(told - share) < 0.12 for _, told, share in found.bins)
    draw = random.Random(4)
    noise = [draw.random() < 0.5 for _ in range(1000)]
    found = quality([draw.randint(0, 100) for _ in noise], noise, method=method)
    assert found.brier > 0.95 * found.brier_of_share

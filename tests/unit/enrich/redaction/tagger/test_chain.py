"""The chain of labels: probabilities, against all paths counted one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.redaction.tagger.chain import batch_marginals, log_odds, marginals

pytestmark = pytest.mark.unit

_SCORE = st.floats(-4, 4, allow_nan=False).map(lambda score: round(score, 3))
_SCORES = st.lists(_SCORE, min_size=1, max_size=6)
_JOINED = st.lists(_SCORE, min_size=4, max_size=4).map(lambda four: np.reshape(four, (2, 2)))


def _worth(path, scores, joined):
    return sum(score for score, it in zip(scores, path, strict=True) if it) + sum(
        joined[int(a), int(b)] for a, b in itertools.pairwise(path)
    )


def _paths(scores):
    return list(itertools.product((False, True), repeat=len(scores)))


@given(_SCORES, _JOINED)
def test_log_odds_are_those_of_the_probabilities(scores, joined):
    inside = marginals(np.array(scores), joined)
    assert log_odds(scores, joined.tolist()) == pytest.approx(np.log(inside / (1 - inside)))


@given(_SCORES, _JOINED)
def test_probabilities_are_those_of_all_paths(scores, joined):
    odds = {path: np.exp(_worth(path, scores, joined)) for path in _paths(scores)}
    expected = [
        sum(worth for path, worth in odds.items() if path[at]) / sum(odds.values())
        for at in range(len(scores))
    ]
    assert marginals(np.array(scores), joined) == pytest.approx(expected)


@given(st.lists(_SCORES, min_size=1, max_size=4), _JOINED)
def test_turns_in_a_batch_do_not_touch_each_other(turns, joined):
    most = max(len(turn) for turn in turns)
    scores = np.full((len(turns), most, 2), 9.0)
    for row, turn in zip(scores, turns, strict=True):
        row[: len(turn)] = np.stack([np.zeros(len(turn)), turn], 1)
    inside, pairs = batch_marginals(scores, np.array([len(turn) for turn in turns]), joined)
    for row, turn in zip(inside, turns, strict=True):
        assert row[: len(turn)] == pytest.approx(marginals(np.array(turn), joined))
        assert not row[len(turn) :].any()
    assert pairs.sum() == pytest.approx(sum(len(turn) - 1 for turn in turns))


def test_nothing_has_no_probabilities():
    assert log_odds([], [[0.0, 0.0], [0.0, 0.0]]) == []
    assert not len(marginals(np.zeros(0), np.zeros((2, 2))))

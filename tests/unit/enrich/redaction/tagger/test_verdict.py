"""What the second reading weighs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.redaction.tagger.verdict import NAMES, Verdict, evidence_of
from twicetold.enrich.redaction.turns import Mark, turn_of

pytestmark = pytest.mark.unit

_TURN = turn_of(0, "a", ["so", "that's", "four", "four", "two", "one", "thanks"])
_ODDS = st.lists(st.floats(-20, 20), min_size=7, max_size=7)
_PIN = Mark(0, 2, 5, "pin", "4421")


def _named(evidence):
    return {NAMES[at]: worth for at, worth in evidence}


@given(_ODDS)
def test_words_of_a_mark_are_weighed_as_one(odds):
    evidence = [_named(each) for each in evidence_of(_TURN, odds, [_PIN])]
    marked = evidence[2:6]
    assert all(each["marked"] == each["kind_pin"] == each["size3"] == 1 for each in marked)
    assert len({(each["mean"], each["most"], each["least"]) for each in marked}) == 1
    assert ["edge" in each for each in marked] == [True, False, False, True]
    assert all("marked" not in each and each["free"] == 1 for each in evidence[:2] + evidence[6:])
    assert ["beside" in each for each in evidence] == [False, True, *[False] * 4, True]


@given(_ODDS)
def test_no_single_reading_counts_without_end(odds):
    said = evidence_of(_TURN, odds, [_PIN])
    assert all(abs(worth) <= 8.0 for each in said for _, worth in each)


@given(_ODDS)
def test_without_marks_a_verdict_that_adds_says_what_the_first_reading_said(odds):
    clipped = [max(-8.0, min(8.0, each)) for each in odds]
    assert Verdict.adding().odds(_TURN, odds, []) == pytest.approx(clipped)


def test_nothing_is_known_of_nothing():
    verdict = Verdict(np.zeros(len(NAMES)), np.zeros((2, 2)))
    assert verdict.odds(turn_of(0, "a", []), [], []) == []

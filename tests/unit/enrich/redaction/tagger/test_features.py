"""What the tagger sees, and what it must not see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.tagger.features import BITS, features_of, hashed, told_by
from twicetold.enrich.redaction.tagger.told import Told
from twicetold.enrich.redaction.turns import turn_of

pytestmark = pytest.mark.unit

_COMMON = frozenset({"your", "maiden", "name", "please", "confirm"})


def _is_common(word):
    return word in _COMMON


def _rows(text, context=None, before=()):
    turn = turn_of(0, "b", text.split())
    return features_of(turn, context or Context(), before, _is_common).all()


@given(st.text(max_size=40))
def test_every_token_has_rows_within_the_weights(text):
    turn = turn_of(0, "", text.split())
    rows = features_of(turn, Context(), [], _is_common).all()
    assert len(rows) == len(turn.tokens)
    assert all(0 <= row < 1 << BITS for each in rows for row in each)


@given(st.text())
def test_a_feature_has_its_row_whoever_asks(feature):
    assert hashed(feature) == hashed.__wrapped__(feature) < 1 << BITS


@given(st.lists(st.sampled_from(["my", "your", "maiden", "4421", "four", "um"]), min_size=1))
def test_scores_are_the_sums_of_all_rows(said):
    rows = features_of(turn_of(0, "b", said), Context(), [], _is_common)
    weights = [row % 7 - 3.0 for row in range(1 << BITS)]
    assert rows.scores(weights) == [sum(weights[row] for row in each) for each in rows.all()]


def test_uncommon_words_of_one_form_look_alike():
    assert _rows("it's marbletonix") == _rows("it's quandletonix")
    assert _rows("it's marbletonix") != _rows("it's maiden")


def test_digits_look_alike_but_for_how_many():
    assert _rows("my code 4421 ok") == _rows("my code 9073 ok")
    assert _rows("my code 4421 ok") != _rows("my code 44 ok")


def test_what_was_asked_before_is_seen():
    asked = Told("a", True, ("your", "maiden", "name"))
    assert _rows("marbletonix", before=[asked]) != _rows("marbletonix")


def test_a_turn_leaves_common_words_only_and_none_that_was_removed():
    turn = turn_of(0, "a", ["please", "confirm", "your", "name", "marbletonix", "4421", "maiden?"])
    last = len(turn.tokens) - 1
    told = told_by(turn, _is_common, [last], "name")
    assert told == Told("a", True, ("please", "confirm", "your", "name"), "name")


def test_words_of_one_class_have_something_in_common_that_others_have_not():
    login, log_in = (set(_rows(f"your {word} marbletonix")[2]) for word in ("username", "alias"))
    other = set(_rows("your invoice marbletonix")[2])
    assert (login & log_in) - other


@pytest.mark.parametrize("said", ["the g p s is", "the G P S is", "those a t m s are"])
def test_a_spelled_acronym_is_known(said):
    assert hashed("acr") in _rows(said)[1]
    assert hashed("acr") not in _rows("the g p q is")[1]

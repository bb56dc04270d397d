"""Marked texts in the other style: the same marks, the same values."""

import json
import random

import pytest
from benchmarks.redaction_sets.read import KINDS, parse
from hypothesis import given
from hypothesis import strategies as st
from scripts.redaction_styles import cased, plain

from twicetold.enrich.redaction.tokens import tokens_of
from twicetold.enrich.redaction.vocabulary import words

pytestmark = pytest.mark.unit

_DIGIT = st.sampled_from(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)
_WORD = st.sampled_from(
    sorted(words("i'm so my pin is the dog um okay k o double twenty dot at may"))
)
_MARK = st.tuples(st.sampled_from(KINDS), st.lists(_WORD | _DIGIT, min_size=1, max_size=6)).map(
    lambda mark: f"{{{mark[0]}: {' '.join(mark[1])}}}"
)
_TEXT = st.lists(_WORD | _DIGIT | _MARK, min_size=1, max_size=8).map(" ".join)
_SEED = st.integers(0, 99)


def _marks(text):
    body = {"id": "x", "style": "plain", "turns": [{"who": "agent", "text": text}]}
    [dialogue] = parse([json.dumps(body)])
    return [(mark.kind, mark.item) for mark in dialogue.turns[0].marks]


@given(_TEXT, _SEED)
def test_marks_stay_what_they_were(text, seed):
    assert _marks(cased(text, random.Random(seed))) == _marks(text)
    assert _marks(plain(cased(text, random.Random(seed)))) == _marks(text)


@given(st.lists(_DIGIT, min_size=2, max_size=16), _SEED)
def test_digits_stay_the_same_ones(said, seed):
    written = cased(" ".join(said), random.Random(seed))
    assert not {word.lower() for word in written.split()} & set(said)
    kept = "".join(token.value for token in tokens_of(written.split()))
    assert kept == "".join(token.value for token in tokens_of(said))


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("what's your email", "What's your email?"),
        ("{email: jane dot doe at example dot com}", "{email: jane.doe@example.com.}"),
        ("i was born in nineteen eighty four", "I was born in 1984."),
        ("{spelled_name: double five o}", "{spelled_name: 550.}"),
        ("it's on {address: elm street}", "It's on {address: Elm Street.}"),
    ],
)
def test_it_looks_like_what_a_recogniser_with_punctuation_writes(said, written):
    assert cased(said, random.Random(1)) == written

"""Settled words, heard again among others."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.stream_adapter.alignment import heard_again
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.unit


def said(text: str, start: float = 0.0, every_s: float = 0.4) -> list[Word]:
    """Words that follow on one another; a dash is a pause of a word's length."""
    return [
        Word(start + at * every_s, start + (at + 1) * every_s, word)
        for at, word in enumerate(text.split())
        if word != "-"
    ]


@pytest.mark.parametrize(
    ("settled", "heard", "expected"),
    [
        ("a b", "a b c", [0, 1]),
        ("", "a b", []),
        ("a b", "", [None, None]),
        ("five five", "five five five five", [0, 1]),
        ("a their dog", "a there dog is", [0, 1, 2]),  # another word in its place
        ("a b c", "a - c d", [0, None, 1]),  # not heard this time
        ("five five five", "- five five five", [None, 0, 1]),  # the first one is cut away
        ("A, b", "a B. c", [0, 1]),
        ("a b", "- - c d", [None, None]),  # deaf for the settled ones
    ],
)
def test_settled_words_are_found(settled: str, heard: str, expected: list[int | None]) -> None:
    assert heard_again(said(settled), said(heard)) == expected


def test_the_rest_of_a_cut_word_is_not_taken_for_the_next_one() -> None:
    heard = [Word(-0.1, 0.0, "five"), *said("five five five")]
    assert heard_again(said("five five"), heard) == [1, 2]


def test_the_same_word_seconds_later_is_another_one() -> None:
    assert heard_again([Word(0.0, 0.3, "no")], [Word(3.0, 3.3, "no")]) == [None]


@given(
    runs=st.lists(st.tuples(st.sampled_from(("five", "no")), st.integers(1, 8)), max_size=6),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_any_run_of_equal_words_is_counted_right_though_times_move(
    runs: list[tuple[str, int]], share: float, seed: int
) -> None:
    draw = random.Random(seed)
    truth = said(" ".join(" ".join([text] * count) for text, count in runs), every_s=0.3)

    def hearing() -> list[Word]:
        return [word.shifted(draw.uniform(-0.07, 0.07)) for word in truth]

    count = round(share * len(truth))
    assert heard_again(hearing()[:count], hearing()) == list(range(count))

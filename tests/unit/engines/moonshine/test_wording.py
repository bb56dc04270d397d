"""What the package tells of a line to words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.moonshine.wording import Told, agree, evenly, words_of

pytestmark = pytest.mark.unit


def words(*told: tuple[str, float, float], stretch: float = 1.0) -> list[tuple[str, float, float]]:
    found = words_of([Told(*each) for each in told], stretch, 10.0)
    return [(word.text, round(word.start, 3), round(word.end, 3)) for word in found]


def test_times_are_brought_back_to_the_true_clock() -> None:
    told = ("Hello,", 0.0, 0.55), ("there.", 0.55, 1.1)
    assert words(*told, stretch=10 / 11) == [("Hello,", 0.0, 0.5), ("there.", 0.5, 1.0)]


def test_a_letter_is_a_word_where_no_spaces_are_written() -> None:
    assert words(("今日は。", 1.0, 3.0)) == [("今", 1.0, 1.5), ("日", 1.5, 2.0), ("は。", 2.0, 3.0)]
    assert [text for text, _, _ in words(("AIの話", 0.0, 1.0))] == ["AI", "の", "話"]


def test_words_without_times_share_the_sound_by_their_letters() -> None:
    assert evenly("be quite", 9.0) == [Told("be", 0.0, 3.0), Told("quite", 3.0, 9.0)]
    assert evenly("  ", 2.0) == []


def test_a_strange_probability_is_none() -> None:
    told = [Told("a", 0, 1, chance) for chance in (None, math.nan, 1.2, -0.1, 0.5)]
    assert [word.probability for word in words_of(told, 1.0, 9.0)] == [None, None, 1.0, 0.0, 0.5]


def test_the_timed_words_must_be_those_of_the_text() -> None:
    told = [Told("Good", 0, 1), Told("morning.", 1, 2)]
    assert agree(told, "Good morning.")
    assert not agree(told[:1], "Good morning.")


_TIMES = st.floats(-5, 50, width=32)


@given(
    st.lists(st.tuples(st.text(max_size=6), _TIMES, _TIMES), max_size=8),
    st.floats(0, 1.5),
    st.floats(0, 20),
)
def test_words_are_in_order_and_inside_the_sound(
    told: list[tuple[str, float, float]], stretch: float, heard_s: float
) -> None:
    found = words_of([Told(*each) for each in told], stretch, heard_s)
    starts = [word.start for word in found]
    assert starts == sorted(starts)
    for word in found:
        assert 0 <= word.start <= word.end <= heard_s
        assert word.text == word.text.strip() != ""
    said = "".join("".join(text.split()) for text, _, _ in told)
    assert "".join(word.text for word in found) == said

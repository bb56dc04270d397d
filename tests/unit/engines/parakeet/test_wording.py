from __future__ import annotations

import math

import pytest

from twicetold.engines.parakeet.transducer import Emitted
from twicetold.engines.parakeet.wording import Vocabulary, words_of
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.unit

VOCABULARY = Vocabulary(["▁good 0", "▁morn 1", "ing 2", ". 3", "<unk> 4", "▁ 5", "<blk> 6"])


def said(*tokens: tuple[int, int, int]) -> list[Word]:
    """Token, frame and duration each; all of them halfway certain."""
    emitted = [Emitted(*each, log_probability=math.log(0.5)) for each in tokens]
    return words_of(emitted, VOCABULARY)


def test_a_word_begins_at_its_first_token_and_ends_where_its_last_one_leads() -> None:
    first, second = said((0, 2, 3), (1, 10, 2), (2, 12, 1), (3, 13, 4))
    assert (first.text, second.text) == ("good", "morning.")
    assert (first.start, first.end) == pytest.approx((0.16, 0.40))
    assert (second.start, second.end) == pytest.approx((0.80, 1.36))
    assert second.probability == pytest.approx(0.5)


def test_no_word_goes_on_behind_the_next_or_takes_no_time() -> None:
    first, second, third = said((0, 2, 4), (0, 4, 0), (0, 4, 2))
    assert first.end == second.start
    assert second.end == pytest.approx(second.start + 0.08)
    assert third.end == pytest.approx(0.48)


def test_what_is_no_word_is_not_shown() -> None:
    assert said((4, 1, 1), (5, 2, 1)) == []
    assert said((4, 1, 1)) == said() == []
    assert [word.text for word in said((2, 0, 1), (0, 3, 1))] == ["ing", "good"]


@pytest.mark.parametrize("lines", [["a 0", "b 0", "<blk> 1"], ["a 0"], ["a b"], ["a 1", "<blk> 2"]])
def test_a_list_that_is_none_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"expected|invalid literal"):
        Vocabulary(lines)

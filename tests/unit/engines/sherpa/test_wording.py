"""Tokens with times to words."""

from __future__ import annotations

import math

import pytest

from twicetold.engines.sherpa.wording import Token, shouts, tokens_of, words_of

pytestmark = pytest.mark.unit


def words(*tokens: tuple[str, float], heard_s: float = 10.0) -> list[tuple[str, float, float]]:
    told = words_of([Token(text, start, 0.0) for text, start in tokens], 0.04, heard_s)
    return [(word.text, round(word.start, 3), round(word.end, 3)) for word in told]


def test_a_word_goes_from_its_first_token_to_a_frame_behind_its_last() -> None:
    assert words((" hel", 0.4), ("lo", 0.6), (" there", 1.2)) == [
        ("hello", 0.4, 0.64),
        ("there", 1.2, 1.24),
    ]


def test_words_do_not_overlap_nor_lie_behind_the_sound() -> None:
    assert words((" a", 0.4), (" b", 0.4), (" c", 0.42)) == [
        ("a", 0.4, 0.4),
        ("b", 0.4, 0.42),
        ("c", 0.42, 0.46),
    ]
    assert words((" late", 1.2), heard_s=1.0) == [("late", 1.0, 1.0)]


def test_the_first_token_begins_a_word_with_a_space_or_without_and_a_space_alone_is_none() -> None:
    assert [text for text, *_ in words(("ell", 0.1), ("o", 0.2), (" ", 0.3), (" x", 0.4))] == [
        "ello",
        "x",
    ]


def test_where_no_spaces_are_written_each_letter_is_a_word() -> None:
    told = words(("你", 0.1), ("好", 0.2), ("hel", 0.3), ("lo", 0.4), ("嗎", 0.5), (" ok", 0.6))
    assert [text for text, *_ in told] == ["你", "好", "hello", "嗎", "ok"]


def test_a_words_probability_is_the_mean_of_its_tokens() -> None:
    (word,) = words_of([Token(" a", 0, math.log(0.9)), Token("b", 0, math.log(0.4))], 0.04, 1)
    assert word.probability == pytest.approx(0.6)


def test_letters_that_come_byte_by_byte_are_put_together() -> None:
    tokens = tokens_of([" x", "<0xC3>", "<0xA9>", "<0xFF>", "y"], [0, 1, 2, 3, 4], [0, 0, -1, 0, 0])
    assert [(token.text, token.start_s) for token in tokens] == [(" x", 0), ("é", 2), ("y", 4)]
    assert tokens_of([" x"], [0.5], []) == [Token(" x", 0.5, 0.0)]


def test_capitals_alone_are_a_shout() -> None:
    assert shouts(["<blk>", "▁THE", "S"])
    assert not shouts(["<blk>", "▁The", "S"])
    assert not shouts(["<blk>", "你", "好"])

"""Counting word errors, and comparing two systems by them."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.speech.scoring import (
    BASIC_NORMALISER,
    NORMALISER,
    Errors,
    channel_errors,
    distance,
    normalise,
    normaliser_name,
    paired_bootstrap,
    word_errors,
)

pytestmark = pytest.mark.unit

sentences = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=30)


def test_english_is_normalised_as_whisper_does_it() -> None:
    assert normalise("Mr. Smith won't pay: twenty-one COLOURS!", "en-GB") == (
        ["mister", "smith", "will", "not", "pay", "21", "colors"]
    )


def test_other_languages_keep_their_letters_and_marks() -> None:
    assert normalise("Ça va, l'été?", "fr") == ["ça", "va", "l", "été"]
    assert normalise("नमस्ते दुनिया।", "hi") == ["नमस्ते", "दुनिया"]


@pytest.mark.parametrize("language", ["en", "EN", "en-US", "en_GB"])
def test_the_normaliser_is_named(language: str) -> None:
    assert normaliser_name(language) == NORMALISER
    assert normaliser_name("de") == BASIC_NORMALISER
    assert normaliser_name("enm") == BASIC_NORMALISER


def test_the_normaliser_loads_where_warnings_are_errors_and_nothing_is_compiled() -> None:
    program = (
        "from twicetold.speech.scoring import normalise; import sys;"
        "assert 'whisper_normalizer' not in sys.modules;"
        "assert normalise('Okay', 'en') == ['okay'], normalise('Okay', 'en')"
    )
    uncompiled = ["-W", "error", "-X", "pycache_prefix=/nonexistent", "-B"]
    subprocess.run([sys.executable, *uncompiled, "-c", program], check=True, timeout=60)


def test_each_kind_of_error_is_counted() -> None:
    errors = word_errors(
        ["the", "cat", "sat", "on", "the", "mat"], ["a", "cat", "sat", "the", "mat", "now"]
    )
    assert errors == Errors(substitutions=1, insertions=1, deletions=1, reference_words=6)
    assert errors.wer == 0.5


def test_an_empty_reference() -> None:
    assert word_errors([], []).wer == 0.0
    assert word_errors([], ["word", "word"]).wer == 2.0


def test_rates_are_taken_after_adding_up() -> None:
    added = Errors(deletions=1, reference_words=1) + Errors(reference_words=9)
    assert added.wer == 0.1


def test_channels_are_scored_apart() -> None:
    reference = {0: ["yes", "please"], 1: ["good", "morning"]}
    assert channel_errors(reference, {1: ["good", "morning"], 0: ["yes", "please"]}).wer == 0
    swapped = channel_errors(reference, {0: ["good", "morning"], 1: ["yes", "please"]})
    assert swapped == Errors(substitutions=4, reference_words=4)
    assert channel_errors(reference, {0: ["yes"], 2: ["hm"]}) == Errors(0, 1, 3, 4)


@given(sentences, sentences)
@settings(deadline=None)
def test_the_counts_are_the_distance_and_explain_the_lengths(
    reference: list[str], hypothesis: list[str]
) -> None:
    errors = word_errors(reference, hypothesis)
    assert errors.total == distance(reference, hypothesis) == _by_the_book(reference, hypothesis)
    assert len(reference) + errors.insertions - errors.deletions == len(hypothesis)


def _by_the_book(reference: list[str], hypothesis: list[str]) -> int:
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        above, row = row, [i]
        for j, other in enumerate(hypothesis, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1]


def test_the_distance_of_a_long_call_needs_no_table() -> None:
    rng = random.Random(7)
    words = [f"w{rng.randrange(3000)}" for _ in range(30_000)]
    heard = [word for word in words if rng.random() > 0.1]
    assert distance(words, heard) == len(words) - len(heard)  # as a table: 900 million cells


def test_bootstrap_of_a_clear_difference() -> None:
    interval = paired_bootstrap([(2, 1, 10)] * 50)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.1, 0.1, 0.1))


def test_bootstrap_keeps_errors_and_words_of_an_utterance_together() -> None:
    interval = paired_bootstrap([(words, 0, words) for words in range(1, 100)], samples=500)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((1.0, 1.0, 1.0))


def test_bootstrap_brackets_the_difference_and_is_repeatable() -> None:
    rng = random.Random(3)
    rows = [(rng.randrange(4), rng.randrange(4), 10) for _ in range(200)]
    interval = paired_bootstrap(rows, samples=2000, seed=5)
    assert interval.low < interval.mean < interval.high
    assert interval == paired_bootstrap(rows, samples=2000, seed=5)
    swapped = paired_bootstrap([(b, a, words) for a, b, words in rows], samples=2000, seed=5)
    assert (swapped.mean, swapped.low, swapped.high) == pytest.approx(
        (-interval.mean, -interval.high, -interval.low)
    )
    # The normal approximation: each utterance adds its own difference, independently.
    deltas = [(a - b) / 10 for a, b, _ in rows]
    mean = sum(deltas) / len(deltas)
    spread = (sum((d - mean) ** 2 for d in deltas) / len(deltas) ** 2) ** 0.5
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_bootstrap_needs_words() -> None:
    with pytest.raises(ValueError, match="reference word"):
        paired_bootstrap([])
    with pytest.raises(ValueError, match="reference word"):
        paired_bootstrap([(0, 1, 0)])

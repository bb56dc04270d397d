"""What two hypotheses agree on is settled, once."""

from __future__ import annotations

import pytest
from tests.unit.engines.stream_adapter.test_alignment import said

from twicetold.engines.stream_adapter.agreement import Agreement
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.unit


def heard(agreement: Agreement, *hypotheses: str) -> list[str]:
    """What each hypothesis settled, and the tail behind it."""
    told = []
    for text in hypotheses:
        settled = " ".join(word.text for word in agreement.hear(said(text)))
        told.append(f"{settled}|{' '.join(word.text for word in agreement.tail)}")
    return told


def test_the_common_beginning_of_two_hypotheses_settles() -> None:
    told = heard(Agreement(), "a b x", "a b c", "a b c d y", "a b c d")
    assert told == ["|a b x", "a b|c", "c|d y", "d|"]


def test_case_and_punctuation_do_not_matter_and_the_later_spelling_stands() -> None:
    assert heard(Agreement(), "yes", "Yes, I") == ["|yes", "Yes,|I"]


def test_a_word_that_is_said_again_is_heard_again() -> None:
    told = heard(Agreement(), "five", "five five", "five five five", "five five five five")
    assert told == ["|five", "five|five", "five|five", "five|five"]


def test_equal_words_in_different_places_do_not_agree() -> None:
    """One hypothesis misses the first of two, the other has not come to the second."""
    assert heard(Agreement(), "five", "- - five", "five - five") == ["|five", "|five", "|five five"]


def test_a_slip_in_a_settled_words_place_changes_nothing() -> None:
    told = heard(Agreement(), "a b", "a b c", "a x c d", "a b c d", "a b c d")
    assert told == ["|a b", "a b|c", "c|d", "d|", "|"]


def test_a_hypothesis_without_words_does_not_undo_what_was_heard() -> None:
    told = heard(Agreement(), "a b", "", "a b c", "", "a b c", "", "")
    assert told == ["|a b", "|a b", "a b|c", "|c", "c|", "|", "|"]
    assert heard(Agreement(), "hm", "", "", "hm") == ["|hm", "|hm", "|", "|hm"]


def test_at_the_end_what_was_heard_last_stands() -> None:
    agreement = Agreement()
    heard(agreement, "a b", "a c d")
    assert [word.text for word in agreement.settle_all()] == ["c", "d"]
    silent = Agreement()
    heard(silent, "hm", "")
    assert silent.settle_all() == []


def test_what_nobody_waits_for_any_longer_settles_as_it_was_heard() -> None:
    agreement = Agreement()
    heard(agreement, "a b c d")
    assert [word.text for word in agreement.settle_before(0.9)] == ["a", "b"]
    assert heard(agreement, "a b c d") == ["c d|"]


def test_words_that_left_the_window_are_named_once() -> None:
    agreement = Agreement()
    heard(agreement, "a b c", "a b c")
    assert agreement.forget_before(0.7) == ["a", "b"]
    assert agreement.forget_before(0.7) == []
    assert [anchor.text for anchor in agreement.anchors] == ["c"]


def test_times_of_settled_words_do_not_go_back() -> None:
    agreement = Agreement()
    heard(agreement, "a b", "a b")
    late = [*said("a b"), Word(0.2, 0.3, "c")]
    agreement.hear(late)
    assert agreement.shown_tail() == [Word(0.4, 0.4, "c")]
    assert agreement.hear(late) == [Word(0.4, 0.4, "c")]

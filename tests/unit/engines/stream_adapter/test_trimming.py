"""Where a window is cut."""

from __future__ import annotations

import pytest
from tests.unit.engines.stream_adapter.test_alignment import said

from twicetold.engines.stream_adapter.trimming import anywhere, at_end, beside_words
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.unit


def test_at_the_last_end_that_leaves_words_to_hold_on_to() -> None:
    settled = said("One. Two. Three four five six.")
    assert at_end(settled, ()) == pytest.approx(0.8)
    assert at_end(settled[:5], ()) == pytest.approx(0.4)
    assert at_end(settled[:4], ()) is None


def test_a_pause_and_a_segments_end_are_ends() -> None:
    assert at_end(said("a b - - c d e f"), ()) == pytest.approx(1.2)
    plain = said("a b c d e f g")
    assert at_end(plain, ()) is None
    assert at_end(plain, (0.45, 1.25)) == pytest.approx(1.2)
    assert at_end(plain, (5.0,)) is None


def test_anywhere_is_the_longest_pause_that_is_late_enough() -> None:
    settled = [*said("a - - b c"), *said("d - e f g h", start=2.4)]
    assert anywhere(settled, 0.0) == pytest.approx(0.8)
    assert anywhere(settled, 1.0) == pytest.approx(3.0)
    assert anywhere(settled, 3.1) is None


def test_no_cut_falls_into_a_settled_word() -> None:
    assert beside_words([Word(1.0, 2.0, "long")], 1.5) == 2.0
    assert beside_words([Word(1.0, 2.0, "long")], 2.5) == 2.5
    assert beside_words([], 2.5) == 2.5

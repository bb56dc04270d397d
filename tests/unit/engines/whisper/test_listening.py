"""Words fit to be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.whisper.info import own_name
from twicetold.engines.whisper.listening import in_order
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.unit

TIMES = st.floats(-1, 40, allow_nan=False)


def test_words_in_order_stay_as_they_are() -> None:
    words = (Word(0.1, 0.4, "so", 0.9), Word(0.4, 0.4, "it", 0.8), Word(0.9, 1.2, "is", 0.7))
    assert in_order(words, 1.3) == words


@given(st.lists(st.tuples(TIMES, TIMES), max_size=12), st.floats(0.1, 30))
def test_all_words_lie_in_the_sound_one_behind_the_other(
    times: list[tuple[float, float]], seconds: float
) -> None:
    words = in_order([Word(*each, "word") for each in times], seconds)
    assert len(words) == len(times)
    begins = [word.start for word in words]
    assert begins == sorted(begins)
    assert all(0 <= word.start <= word.end <= seconds for word in words)


@pytest.mark.parametrize(
    ("tag", "name"), [("en-GB", "en"), ("jv", "jw"), ("nb-NO", "no"), ("ZH", "zh")]
)
def test_whisper_has_names_of_its_own(tag: str, name: str) -> None:
    assert own_name(tag) == name

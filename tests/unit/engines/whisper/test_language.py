"""What a channel speaks, added up over its utterances."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.whisper.language import ENOUGH_S, SpokenLanguage

pytestmark = pytest.mark.unit

NOTHING = SpokenLanguage()
GERMAN = {"de": 0.9, "nl": 0.08, "en": 0.02}
OK = {"en": 0.45, "ko": 0.4, "de": 0.15}


def test_nothing_heard_means_the_usual_one() -> None:
    assert NOTHING.choice("en") == "en"
    assert NOTHING.after({}, 1.0).choice("en") == "en"


def test_one_short_word_tells_too_little_but_a_clear_one_does() -> None:
    assert NOTHING.after(OK, 0.6).choice("de") == "de"
    assert NOTHING.after(GERMAN, 0.6).choice("en") == "de"


def test_enough_speech_locks_it_against_music() -> None:
    heard = NOTHING.after(GERMAN, 3.0)
    assert not heard.locked
    heard = heard.after(GERMAN, 3.0)
    assert heard.locked == "de"
    assert heard.after({"zh": 1.0}, 60.0).choice("en") == "de"


def test_many_short_ones_add_up() -> None:
    heard = NOTHING
    for _ in range(5):
        heard = heard.after(OK, 1.0)
    assert heard.locked == "en"
    assert heard.seconds == pytest.approx(ENOUGH_S)


def test_only_what_may_be_is_found() -> None:
    heard = NOTHING.after(OK, 6.0, among=("de", "ko"))
    assert heard.locked == "ko"
    assert heard.heard["ko"] == pytest.approx(6 * 0.4 / 0.55)


def test_it_makes_the_round_trip() -> None:
    heard = NOTHING.after(GERMAN, 3.0)
    again = SpokenLanguage.from_adaptation(heard.to_adaptation())
    assert again.choice("en") == "de"
    assert again.to_adaptation() == heard.to_adaptation()


@given(st.text() | st.sampled_from(["null", "[]", "{}", '{"heard": 3}', '{"heard": {"a": "b"}}']))
def test_a_strange_adaptation_counts_as_none(strange: str) -> None:
    assert SpokenLanguage.from_adaptation(strange) == NOTHING

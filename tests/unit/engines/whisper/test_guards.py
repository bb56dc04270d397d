"""The guards, on readings and words made for them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.whisper.guards import (
    LADDER,
    Attempt,
    Decoding,
    Guard,
    Thresholds,
    settle,
    verdict,
    without_loops,
)
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.unit

LIMITS = Thresholds()
GOOD = Decoding((1, 2, 3), "so we meet on Thursday at the old mill", -0.3, 0.02)
LOOPING = replace(GOOD, text="thank you " * 30)


@pytest.mark.parametrize(
    ("average", "no_speech", "text", "expected"),
    [
        (-0.3, 0.02, GOOD.text, None),
        (-0.3, 0.95, GOOD.text, None),  # it is sure of what it heard
        (-1.2, 0.95, GOOD.text, Guard.SILENCE),
        (-1.2, 0.95, LOOPING.text, Guard.SILENCE),
        (-1.2, 0.10, GOOD.text, Guard.DOUBT),
        (-0.1, 0.10, LOOPING.text, Guard.REPETITION),
        (-1.2, 0.10, LOOPING.text, Guard.REPETITION),
        (-0.1, 0.10, "five five five five", None),
        (-0.1, 0.10, "", None),
    ],
)
def test_what_is_wrong_with_a_reading(
    average: float, no_speech: float, text: str, expected: Guard | None
) -> None:
    reading = Decoding((1, 2), text, average, no_speech)
    assert verdict(reading, LIMITS) is expected


class Scripted:
    """Gives its readings one after the other, and keeps what was asked."""

    def __init__(self, *readings: Decoding) -> None:
        self.readings, self.asked = list(readings), list[Attempt]()

    def __call__(self, attempt: Attempt) -> Generator[Attempt, Decoding, Decoding]:
        return (yield attempt)

    def settled(self) -> tuple[Decoding | None, list[Guard]]:
        steps = settle(self, LIMITS)
        attempt = next(steps)
        while True:
            self.asked.append(attempt)
            try:
                attempt = steps.send(self.readings[len(self.asked) - 1])
            except StopIteration as end:
                kept: tuple[Decoding | None, list[Guard]] = end.value
                return kept


def test_a_good_reading_is_the_only_one() -> None:
    decode = Scripted(GOOD)
    assert decode.settled() == (GOOD, [])
    assert decode.asked == [Attempt()]


def test_what_repeats_itself_is_decoded_again_with_repeating_forbidden() -> None:
    decode = Scripted(LOOPING, GOOD)
    assert decode.settled() == (GOOD, [Guard.REPETITION])
    assert decode.asked == list(LADDER[:2])
    assert decode.asked[1].never_twice > 0


def test_where_all_repeat_themselves_the_likeliest_is_kept() -> None:
    likely = replace(LOOPING, average=-0.1)
    decode = Scripted(LOOPING, likely, LOOPING)
    assert decode.settled() == (likely, [Guard.REPETITION] * 3)


def test_silence_has_no_reading_whenever_it_is_found() -> None:
    silent = replace(GOOD, average=-2.0, no_speech=0.9)
    assert Scripted(silent).settled() == (None, [Guard.SILENCE])
    again = Scripted(LOOPING, silent).settled()
    assert again == (None, [Guard.REPETITION, Guard.SILENCE])


def test_doubt_is_told_and_the_words_kept() -> None:
    doubtful = replace(GOOD, average=-1.5)
    assert Scripted(doubtful).settled() == (doubtful, [Guard.DOUBT])


def said(text: str, pace_s: float = 0.3) -> list[Word]:
    return [Word(at * pace_s, (at + 1) * pace_s, word, 0.9) for at, word in enumerate(text.split())]


@pytest.mark.parametrize(
    "text",
    [
        "five five five five five five five five",
        "no no no no no",
        "no no no no no no no no no no no no no no no",
        "that that is is that that is not is not is that it it is",
        "yes of course yes of course yes of course",
        "",
    ],
)
def test_what_people_say_stays(text: str) -> None:
    assert without_loops(said(text)) == (said(text), 0)


@pytest.mark.parametrize(
    ("text", "pace_s", "kept", "loops"),
    [
        ("Thank you for watching. " * 6, 0.3, "Thank you for watching.", 1),
        ("so thank you, thank you. Thank you thank you bye", 0.05, "so thank you, bye", 1),
        ("no " * 16, 0.3, "no", 1),
        ("ha " * 20 + "he " * 20, 0.3, "ha he", 2),
        ("one two three four " * 5 + "five", 0.3, "one two three four five", 1),
    ],
)
def test_a_loop_is_said_once(text: str, pace_s: float, kept: str, loops: int) -> None:
    words, found = without_loops(said(text, pace_s))
    assert " ".join(word.text for word in words) == kept
    assert found == loops


@given(st.lists(st.sampled_from(["a", "b", "A.", "c"]), max_size=60), st.floats(0.01, 0.5))
def test_what_is_left_was_there_and_has_no_loop(texts: list[str], pace_s: float) -> None:
    words = said(" ".join(texts), pace_s)
    kept, loops = without_loops(words)
    left = iter(words)
    assert all(word in left for word in kept), "in their order"
    assert (len(kept) < len(words)) == (loops > 0)
    assert without_loops(kept) == (kept, 0)

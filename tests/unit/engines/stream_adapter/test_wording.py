"""Words compared, and the text before a window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.stream_adapter.wording import ends_sentence, folded, loops, prompt_after
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Yes,", "yes", True),
        ("“Straße”", "STRASSE", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("dont", "don't", True),
        ("कि", "की", False),  # vowel signs are no punctuation
        ("…", "—", False),  # of nothing but punctuation, that counts
        ("5", "6", False),
    ],
)
def test_case_and_punctuation_are_folded(one: str, other: str, same: bool) -> None:
    assert (folded(one) == folded(other)) is same


@pytest.mark.parametrize("text", ["done.", "done!”", "क्या।", "好。", "why?)"])
def test_ends_of_sentences(text: str) -> None:
    assert ends_sentence(Word(0.0, 0.1, text))
    assert not ends_sentence(Word(0.0, 0.1, "done"))


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=9), max_size=60), st.integers(0, 50))
def test_a_prompt_is_the_last_whole_words(words: list[str], most: int) -> None:
    prompt = ""
    for word in words:
        prompt = prompt_after(prompt, word, most)
    kept = prompt.split()
    assert len(prompt) <= most
    assert kept == words[len(words) - len(kept) :]
    longer = " ".join(words[len(words) - len(kept) - 1 :])
    assert len(kept) == len(words) or len(longer) > most


def test_a_phrase_said_again_and_again_is_a_loop() -> None:
    assert loops("and then you you You you")
    assert loops("well thank you. Thank you thank you, thank you")
    assert not loops("five five five")
    assert not loops("five five five five is the code")
    assert not loops("")

"""Words made comparable, in any script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.tokens import folded, tokens_of
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don’t re-send, PLEASE!", ("don't", "re", "send", "please")),
        ("Straße STRASSE", ("strasse", "strasse")),
        ("ﬁne ｆｕｌｌ", ("fine", "full")),
        ("मुझे रद्द करना है।", ("मुझे", "रद्द", "करना", "है")),
        ("ನನಗೆ ರದ್ದು ಬೇಕು", ("ನನಗೆ", "ರದ್ದು", "ಬೇಕು")),
        ("ألغِ العَقْـــد", ("ألغ", "العقد")),
        ("בִּטּוּל", ("בטול",)),
        ("می‌خواهم", ("میخواهم",)),
        ("解約したい", ("解", "約", "し", "た", "い")),
        ("ยกเลิก", ("ย", "ก", "เ", "ลิ", "ก")),
        ("iPhone解約", ("iphone", "解", "約")),
        ("… — !", ()),
        ("'tis the drivers' 9", ("tis", "the", "drivers", "9")),
    ],
)
def test_a_text_has_these_words(text: str, words: tuple[str, ...]) -> None:
    assert folded(text) == tuple(unicodedata.normalize("NFKC", word) for word in words)


def test_vowel_signs_are_kept_where_the_usual_pattern_of_words_cuts_them() -> None:
    import re

    assert len(re.findall(r"\w+", "हिन्दी")) > 1
    assert len(folded("हिन्दी")) == 1


@given(st.text(max_size=40))
def test_words_stay_as_they_are_when_folded_again(text: str) -> None:
    for word in folded(text):
        assert word
        again = folded(word)
        assert "".join(again) == word or len(again) == 1


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    assert folded("café") == folded("cafe\u0301")


def test_what_stands_for_a_redacted_word_is_no_word() -> None:
    words = (Word(0, 1, "call"), Word(1, 2, "[PHONE]", redacted="phone"))
    segment = Segment(1, 0, 0.0, 2.0, "call [PHONE]", words)
    assert [token.text for token in tokens_of(segment)] == ["call", "[phone]"]


def test_tokens_without_word_times_have_the_segments() -> None:
    tokens = tokens_of(Segment(1, 0, 3.0, 5.0, "Yes, please"))
    assert [(each.text, each.start, each.end, each.word) for each in tokens] == [
        ("yes", 3.0, 5.0, -1),
        ("please", 3.0, 5.0, -1),
    ]

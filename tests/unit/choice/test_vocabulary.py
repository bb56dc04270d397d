"""What a tenant expects, as people write it: bounded, and quoted nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.choice.vocabulary import (
    MOST_LETTERS,
    MOST_TERM_LETTERS,
    MOST_TERMS,
    parse_languages,
    parse_vocabulary,
)
from twicetold.choice.wishes import Wishes, checked_wishes
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit

TERMS = st.lists(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12), max_size=9)


@given(TERMS, st.data())
def test_terms_stay_in_order_each_once_however_they_are_parted(
    terms: list[str], data: st.DataObject
) -> None:
    parted = [f"{term}{data.draw(st.sampled_from([',', ' , ', chr(10), ',,', chr(13) + chr(10)]))}"
              for term in terms]  # fmt: skip
    parsed = parse_vocabulary("".join(parted))
    assert parsed == tuple(dict.fromkeys(terms))
    assert parse_vocabulary(", ".join(parsed)) == parsed


def test_phrases_keep_their_spaces_and_no_more() -> None:
    assert parse_vocabulary(" Dr.  Möller ,\tTwice-told\n\n, 🚲") == (
        "Dr. Möller", "Twice-told", "🚲",
    )  # fmt: skip
    assert parse_vocabulary("") == ()


def test_words_keep_the_signs_that_join_their_letters() -> None:
    terms = ("می\u200cخواهم", "क्\u200dष")
    assert parse_vocabulary(", ".join(terms)) == terms


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (",".join(f"term{n}" for n in range(MOST_TERMS + 1)), "201 terms"),
        ("well, " + "secret" * 20, "120 letters in term 2"),
        (",".join(f"{n:05d}" + "x" * 90 for n in range(43)), "4085 letters in all"),
        ("<|startoftranscript|>", "signs in term 1"),
        ("secret\x1b[2J", "signs in term 1"),
        ("secret\x00", "signs in term 1"),
        ("secret\u202e", "signs in term 1"),
    ],
)
def test_what_is_too_much_is_told_without_the_words(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_vocabulary(text)
    with pytest.raises(SettingError) as refused:
        checked_wishes({"vocabulary": text}, "tenant acme")
    assert said in refused.value.message
    assert not any(word in str(refused.value) for word in ("secret", "term7", "startof", "xxx"))


def test_as_much_as_may_be_is_taken() -> None:
    assert len(parse_vocabulary("\n".join(f"t{n}" for n in range(MOST_TERMS)))) == MOST_TERMS
    most = ["x" * MOST_TERM_LETTERS] + [f"{n:04d}".rjust(100, "y") for n in range(39)]
    assert sum(map(len, parse_vocabulary(",".join(most)))) == MOST_LETTERS


def test_languages() -> None:
    assert parse_languages("DE|en| |de") == ("de", "en")
    assert parse_languages("") == ()
    for wrong in ("german", "de,en", "d"):
        with pytest.raises(ValueError):
            parse_languages(wrong)
        with pytest.raises(SettingError, match=r"it takes languages .* such as: de\|en"):
            checked_wishes({"languages": wrong}, "tenant acme")


def test_what_a_tenant_expects_is_its_own_and_is_shown_nowhere() -> None:
    wishes = checked_wishes({"vocabulary": "quux, Dr. No", "languages": "de"}, "tenant acme")
    assert wishes.expected.terms == ("quux", "Dr. No")
    assert wishes.over(Wishes("whisper:x")).expected.languages == ("de",)
    assert not Wishes("whisper:x").expected
    assert "quux" not in repr(wishes) + repr(wishes.expected)

"""How two hearings of a word are compared, and what the text before a window is."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from twicetold.speech.transcript import Word

_SENTENCE_ENDS = frozenset(".?!…。？！।؟۔")
_CLOSING = "\"'”’»)]"
_LEAST_LENGTH_S = 0.3  # shorter words are taken to be as long: their times are no more exact
_LONGEST_LOOP = 5  # words
_LOOPS = 4  # so often said in a row, a phrase makes the model say it again


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """The word without case and punctuation; vowel signs and other marks count."""
    letters = unicodedata.normalize("NFC", text.casefold())
    plain = "".join(each for each in letters if unicodedata.category(each)[0] not in "PSZC")
    return plain or letters


def same_text(one: Word, other: Word) -> bool:
    return one.text == other.text or folded(one.text) == folded(other.text)


def apart_s(one: Word, other: Word) -> float:
    """Seconds between the middles of two words."""
    return abs(one.start + one.end - other.start - other.end) / 2


def apart(one: Word, other: Word) -> float:
    """How far two words lie apart, in lengths of a word: 0 in the same place."""
    lengths = max(_LEAST_LENGTH_S, (one.end - one.start + other.end - other.start) / 2)
    return apart_s(one, other) / lengths


def ends_sentence(word: Word) -> bool:
    return word.text.rstrip(_CLOSING)[-1:] in _SENTENCE_ENDS


def prompt_after(prompt: str, text: str, characters: int) -> str:
    """The last whole words of both, so many characters at most."""
    joined = f"{prompt} {text}".strip()
    if len(joined) <= characters:
        return joined
    _, _, whole = joined[len(joined) - characters - 1 :].partition(" ")
    return whole


def loops(text: str) -> bool:
    """Whether the text ends in a phrase of a few words said again and again."""
    words = [folded(word) for word in text.split()]
    for size in range(1, _LONGEST_LOOP + 1):
        last = words[-size * _LOOPS :]
        if len(last) == size * _LOOPS and last == last[-size:] * _LOOPS:
            return True
    return False

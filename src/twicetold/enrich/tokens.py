"""Words made comparable, in any script: what phrases are matched against, and what is counted.

Unicode's NFKC and case folding (UAX #15, and chapter 3.13 of the standard); then whatever engines
write or leave out at will goes: joiners, tatweel, Arabic and Hebrew vowel points. Vowel signs of
Indic scripts are letters and stay, which ``\\w`` would not let them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from twicetold.speech.transcript import Segment

_APOSTROPHES = "'’ʼ＇"
_TATWEEL = "ـ"
_A_WORD = 32  # letters; words come again, whole sentences do not
# Scripts that are written without spaces: each letter with its marks is a word of its own.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x9FFF),  # Han
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class Token:
    """``word`` is the index in the segment's words, or -1 where the segment has none."""

    text: str
    start: float
    end: float
    word: int


def tokens_of(segment: Segment) -> list[Token]:
    """A segment's tokens. Without word times all of them have the segment's.

    What stands for a redacted word matches no word that is written: ``[phone]``.
    """
    if not segment.words:
        return [Token(text, segment.start, segment.end, -1) for text in folded(segment.text)]
    return [
        Token(text, word.start, word.end, index)
        for index, word in enumerate(segment.words)
        for text in ((f"[{word.redacted}]",) if word.redacted else folded(word.text))
    ]


def folded(text: str) -> tuple[str, ...]:
    """The comparable words of a text: ``"Don’t re-send"`` gives ``don't``, ``re``, ``send``."""
    return _known(text) if len(text) <= _A_WORD else _folded(text)


def _folded(text: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return tuple(_split(_plain(text)))


_known = lru_cache(maxsize=16_384)(_folded)


def _plain(text: str) -> str:
    """Without what is written at will."""
    if text.isascii():
        return text
    return "".join("'" if letter in _APOSTROPHES else letter for letter in text if _kept(letter))


def _kept(letter: str) -> bool:
    if letter == _TATWEEL or unicodedata.category(letter) == "Cf":
        return False
    return not _is_vowel_point(ord(letter))


def _is_vowel_point(code: int) -> bool:
    arabic = 0x064B <= code <= 0x065F or code == 0x0670 or 0x06D6 <= code <= 0x06ED
    hebrew = 0x0591 <= code <= 0x05BD or code in (0x05BF, 0x05C1, 0x05C2, 0x05C4, 0x05C5, 0x05C7)
    return (arabic and unicodedata.combining(chr(code)) > 0) or hebrew


def _split(text: str) -> Iterator[str]:
    word = ""
    for letter in text:
        kind = unicodedata.category(letter)[0]
        if kind == "M" and word:
            word += letter
        elif kind in "LN":
            if word and _unspaced(letter):
                yield word.strip("'")
                word = letter
            elif word and _unspaced(word[0]):
                yield word
                word = letter
            else:
                word += letter
        elif letter == "'" and word and not _unspaced(word[0]):
            word += letter
        elif word:
            yield word.strip("'")
            word = ""
    if word:
        yield word.strip("'")


def _unspaced(letter: str) -> bool:
    code = ord(letter)
    return code >= 0x0E00 and any(low <= code <= high for low, high in _UNSPACED)

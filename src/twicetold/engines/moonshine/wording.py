"""What the package tells of a line to words on the utterance's clock."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from twicetold.speech.transcript import Word

# A letter of a script that puts no spaces between words (Kana, CJK ideographs, their wide forms)
# with the marks behind it, or what lies between such letters.
_UNSPACED = "぀-ヿ㐀-䶿一-鿿豈-﫿\U00020000-\U0003134f"
_PIECE = re.compile(rf"[{_UNSPACED}][^\w\s]*|[^{_UNSPACED}]+")


class Told(NamedTuple):
    """A word as the package tells it, in seconds of the line's own clock."""

    text: str
    start_s: float
    end_s: float
    probability: float | None = None


def words_of(told: Iterable[Told], stretch: float, heard_s: float) -> list[Word]:
    """Words in order, none behind ``heard_s``, which is how long the sound is.

    ``stretch``: the package spreads the frames that it has over the whole line, which is longer by
    those it waits for; its times by this are the true ones.
    """
    words: list[Word] = []
    at = 0.0
    for each in told:
        for text, start, end in _pieces(each):
            start_s = min(max(at, start * stretch), heard_s)
            end_s = min(max(start_s, end * stretch), heard_s)
            words.append(Word(start_s, end_s, text, _chance(each.probability)))
            at = start_s
    return words


def evenly(text: str, seconds: float) -> list[Told]:
    """The words of a text whose times nobody knows, by their letters."""
    pieces = text.split()
    letters = sum(len(piece) + 1 for piece in pieces)
    told, at = [], 0
    for piece in pieces:
        until = at + len(piece) + 1
        told.append(Told(piece, at / letters * seconds, until / letters * seconds))
        at = until
    return told


def agree(told: Sequence[Told], text: str) -> bool:
    """Whether the timed words are the line's text."""
    return "".join("".join(each.text.split()) for each in told) == "".join(text.split())


def _pieces(told: Told) -> Iterable[tuple[str, float, float]]:
    """Its words, where it is written without spaces: each letter is one."""
    pieces = [piece for part in told.text.split() for piece in _PIECE.findall(part)]
    letters, at = sum(map(len, pieces)), 0
    length_s = told.end_s - told.start_s
    for piece in pieces:
        until = at + len(piece)
        yield (
            piece,
            told.start_s + at / letters * length_s,
            told.start_s + until / letters * length_s,
        )
        at = until


def _chance(probability: float | None) -> float | None:
    if probability is None or not math.isfinite(probability):
        return None
    return min(1.0, max(0.0, probability))

"""Tokens with their times to words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from twicetold.speech.transcript import Word

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
# Scripts that put no spaces between words: Kana, CJK ideographs, and their wide forms.
_UNSPACED = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿\U00020000-\U0003134f]")


class Token(NamedTuple):
    """``text`` begins with a space where a word does; ``start_s``: the frame that told it."""

    text: str
    start_s: float
    log_probability: float


def tokens_of(
    texts: Sequence[str], starts_s: Sequence[float], log_probabilities: Sequence[float]
) -> list[Token]:
    """The package's lists side by side; letters that came byte by byte are put together."""
    chances = log_probabilities or [0.0] * len(texts)
    tokens: list[Token] = []
    held = bytearray()
    for text, start_s, chance in zip(texts, starts_s, chances, strict=True):
        byte = _BYTE.fullmatch(text)
        if byte is None:
            held.clear()
            tokens.append(Token(text, start_s, chance))
            continue
        held.append(int(byte[1], 16))
        try:
            tokens.append(Token(held.decode(), start_s, chance))
        except UnicodeDecodeError:
            continue  # more bytes of this letter come, or it is none
        held.clear()
    return tokens


def words_of(tokens: Iterable[Token], frame_s: float, heard_s: float) -> list[Word]:
    """Words in order, none behind ``heard_s``, which is how long the sound is.

    A transducer says when it knew a token, not how long that sounded: a word begins with its first
    token's frame and ends a frame behind its last one's, but not behind the next word's begin.
    """
    groups: list[list[Token]] = []
    for token in tokens:
        if not groups or token.text.startswith(" ") or _stands_alone(groups[-1][-1], token):
            groups.append([])
        groups[-1].append(token)
    words = []
    for group, following in zip_longest(groups, groups[1:]):
        text = "".join(token.text for token in group).strip()
        if not text:
            continue
        start_s = min(group[0].start_s, heard_s)
        end_s = min(group[-1].start_s + frame_s, heard_s)
        if following is not None:
            end_s = min(end_s, max(start_s, following[0].start_s))
        mean = sum(token.log_probability for token in group) / len(group)
        words.append(Word(start_s, end_s, text, min(1.0, math.exp(mean))))
    return words


def shouts(vocabulary: Iterable[str]) -> bool:
    """Whether it has letters, and capitals alone."""
    letters = "".join(each for each in vocabulary if not each.startswith("<"))
    return letters == letters.upper() != letters.lower()


def _stands_alone(before: Token, token: Token) -> bool:
    """Whether one of two neighbours is a word in itself."""
    return bool(_UNSPACED.search(token.text) or _UNSPACED.search(before.text))

"""Spoken numbers as the digits that they are dictated for: "nineteen eighty four" is 1984."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.vocabulary import HOMOPHONES, TEENS, TENS, UNITS


def value_of(tokens: Iterable[Token]) -> str:
    """Digits and capital letters in the order in which they were said.

    "Forty two" is 42, "four hundred" 400, "double five" 55, "two thousand and four" 2004.
    Where a scale is followed by digits ("one eight hundred five five five") they stand apart.
    """
    reader = _Reader()
    for token in tokens:
        reader.take(token)
    return reader.text


class _Reader:
    """Reads one number after another; ``_open`` zeros at the end may still be filled."""

    def __init__(self) -> None:
        self.text = ""
        self._open = 0  # zeros that a smaller number may replace: 1 after "forty"
        self._scaled = False  # they come from hundred or thousand
        self._and = False
        self._repeat = 1

    def take(self, token: Token) -> None:
        norm = token.norm
        if token.sort is Sort.REPEAT:
            self._repeat = int(token.value)
        elif token.sort is Sort.SCALE:
            self._scale(token)
        elif norm == "and":
            self._and = True
        elif token.value.isalnum():
            self._value(token, HOMOPHONES.get(norm, token.value))

    def _scale(self, token: Token) -> None:
        if not self.text[-1:].isdigit():
            self.text += "1"
        self.text += token.value
        self._open, self._scaled, self._and = len(token.value), True, False

    def _value(self, token: Token, value: str) -> None:
        spoken = token.sort is Sort.NUMBER or (self._open == 1 and len(value) == 1)
        small = spoken and self._fills(token, value)
        if small:
            self.text = self.text[: -len(value)] + value
            self._open = 1 if token.norm in TENS else 0
            # "two thousand twenty" may still get its unit.
        else:
            self.text += value * self._repeat
            self._open = 1 if spoken and token.norm in TENS else 0
            self._scaled = False
        self._and, self._repeat = False, 1

    def _fills(self, token: Token, value: str) -> bool:
        """Whether the number goes into the zeros at the end instead of after them."""
        if self._repeat > 1 or not self._open or value == "0":
            return False
        if len(value) == 1:
            return self._open == 1 or (self._scaled and self._and)
        return self._scaled and len(value) <= self._open


def is_cardinal(tokens: Sequence[Token]) -> bool:
    """Whether this is one number as things are counted: "four", "forty two", "2 hundred and 6",
    and not "four two" or "nineteen eighty four"."""
    words = [token for token in tokens if token.sort not in (Sort.FILLER, Sort.SYMBOL)]
    if not words or any(w.sort in (Sort.LETTER, Sort.CODE, Sort.REPEAT) for w in words):
        return False
    if any(w.norm in ("oh", "o", "zero", "nought", "naught") for w in words) and len(words) > 1:
        return False
    room, below_hundred = 1, False
    for place, token in enumerate(words):
        size = _size(token)
        if size == 0:  # a scale
            if place == 0:
                return False
            room, below_hundred = 3, False
        elif room >= 3 or place == 0:
            room, below_hundred = (2 if size == 20 else 0), True
        elif room == 2 and size == 1 and below_hundred:
            room = 0
        else:
            return False
    return True


def _size(token: Token) -> int:
    """0: a scale; 20: tens, which take a unit; 1: a unit; 10: all others."""
    if token.sort is Sort.SCALE:
        return 0
    if token.norm in TENS:
        return 20
    return 1 if token.norm in UNITS else 10


def is_spelled_out(tokens: Sequence[Token]) -> bool:
    """Whether digits are dictated one by one, three at least: nobody counts things so."""
    longest = here = 0
    for token in tokens:
        if token.norm in UNITS or (token.sort is Sort.DIGITS and len(token.value) == 1):
            here += 1
        elif token.sort is Sort.REPEAT:
            here += 2
        elif token.norm in TEENS or token.norm in TENS or token.sort in (Sort.DIGITS, Sort.SCALE):
            here = 0
        longest = max(longest, here)
    return longest >= 3

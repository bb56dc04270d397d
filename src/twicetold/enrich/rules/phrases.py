"""Phrases as rules write them, and finding many of them at once.

A phrase is words, without regard to case or punctuation. ``cancel*`` is any word that begins so,
``*`` any one word, ``...`` up to five words or none, ``(stop|put an end to)`` one or the other,
``(my|)`` my or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from twicetold.enrich.tokens import folded

MOST_GAP = 5
MOST_ELEMENTS = 20
MOST_ALTERNATIVES = 200
MOST_LETTERS = 500

_PIECES = re.compile(r"\(|\)|\||\.{3,}|…|[^\s()|…]+?(?=\.{3,}|[\s()|…]|$)")


class Kind(IntEnum):
    WORD = 0
    STEM = 1  # a word that begins so
    ANY = 2  # one word
    GAP = 3  # up to MOST_GAP words


Element = tuple[Kind, str]
Pattern = tuple[Element, ...]


def parse_phrase(text: str) -> tuple[Pattern, ...]:
    """What a phrase may be said as, without alternatives. Raises ValueError, with the reason."""
    pieces = [piece for piece in _PIECES.findall(text) if piece]
    patterns, rest = _sequence(pieces, 0)
    if rest != len(pieces):
        raise ValueError(f"{pieces[rest]!r} stands outside of brackets")
    unique = tuple(dict.fromkeys(patterns))
    for pattern in unique:
        _check(pattern)
    return unique


def longest(pattern: Pattern) -> int:
    """The most words that a pattern spans."""
    return sum(MOST_GAP if kind is Kind.GAP else 1 for kind, _ in pattern)


def _sequence(pieces: Sequence[str], at: int) -> tuple[list[Pattern], int]:
    """Everything up to ``|``, ``)`` or the end, and where that is."""
    found: list[Pattern] = [()]
    while at < len(pieces) and pieces[at] not in "|)":
        if pieces[at] == "(":
            parts, at = _alternatives(pieces, at + 1)
        else:
            parts, at = [_elements(pieces[at])], at + 1
        found = [before + part for before in found for part in parts]
        if len(found) > MOST_ALTERNATIVES:
            raise ValueError(f"it stands for more than {MOST_ALTERNATIVES} phrases")
    return found, at


def _alternatives(pieces: Sequence[str], at: int) -> tuple[list[Pattern], int]:
    found: list[Pattern] = []
    while True:
        some, at = _sequence(pieces, at)
        found += some
        if at == len(pieces):
            raise ValueError("a bracket is not closed")
        at += 1
        if pieces[at - 1] == ")":
            return found, at


def _elements(piece: str) -> Pattern:
    if piece.startswith("...") or piece == "…":
        return ((Kind.GAP, ""),)
    if piece == "*":
        return ((Kind.ANY, ""),)
    stem = piece.endswith("*")
    if "*" in piece[:-1]:
        raise ValueError(f"in {piece!r} the * is not at the end of the word")
    words = [(Kind.WORD, word) for word in folded(piece)]
    if stem and words:
        words[-1] = (Kind.STEM, words[-1][1])
    return tuple(words)


def _check(pattern: Pattern) -> None:
    if not pattern:
        raise ValueError("there is no word in it")
    if pattern[0][0] > Kind.STEM or pattern[-1][0] > Kind.STEM:
        raise ValueError("a phrase begins and ends with a word, not with * or ...")
    if len(pattern) > MOST_ELEMENTS:
        raise ValueError(f"it has more than {MOST_ELEMENTS} words")
    for kind, word in pattern:
        if kind is Kind.STEM and len(word) < 2 and word.isascii():
            raise ValueError(f"{word}* is nearly any word")


@dataclass(slots=True)
class _Node:
    words: dict[str, _Node] = field(default_factory=dict)
    stems: dict[str, _Node] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)  # of the stems
    any: _Node | None = None
    gap: _Node | None = None
    ends: list[int] = field(default_factory=list)  # numbers of phrases that end here

    def below(self, kind: Kind, text: str) -> _Node:
        if kind is Kind.WORD:
            return self.words.setdefault(text, _Node())
        if kind is Kind.STEM:
            if len(text) not in self.lengths:
                self.lengths.append(len(text))
            return self.stems.setdefault(text, _Node())
        if kind is Kind.ANY:
            self.any = self.any or _Node()
            return self.any
        self.gap = self.gap or _Node()
        return self.gap

    def next(self, word: str) -> list[_Node]:
        """Where one more word leads."""
        found = [self.any] if self.any is not None else []
        if (node := self.words.get(word)) is not None:
            found.append(node)
        stems = (self.stems.get(word[:length]) for length in self.lengths)
        return found + [node for node in stems if node is not None]


class PhraseIndex:
    """Finds phrases, each known by a number, all in one walk along the words."""

    def __init__(self) -> None:
        self._root = _Node()
        self.longest = 1  # the most words that any of them spans

    def add(self, number: int, patterns: Iterable[Pattern]) -> None:
        for pattern in patterns:
            node = self._root
            for kind, text in pattern:
                node = node.below(kind, text)
            node.ends.append(number)
            self.longest = max(self.longest, longest(pattern))

    def find(self, words: Sequence[str], since: int = 0) -> list[tuple[int, int, int]]:
        """(number, first word, word after the last) of what ends behind ``since``, in order.

        Of what begins at one word, a number's shortest counts.
        """
        found: list[tuple[int, int, int]] = []
        for first in range(max(0, since - self.longest + 1), len(words)):
            ends = self._ends(words, first)
            found += [(number, first, end) for number, end in ends.items() if end > since]
        return found

    def _ends(self, words: Sequence[str], first: int) -> dict[int, int]:
        ends: dict[int, int] = {}
        todo = [(node, first + 1) for node in self._root.next(words[first])]
        seen = set[tuple[int, int]]()  # gaps lead to the same place in many ways
        while todo:
            node, at = todo.pop()
            if (id(node), at) in seen:
                continue
            seen.add((id(node), at))
            for number in node.ends:
                ends[number] = min(at, ends.get(number, at))
            if node.gap is not None:
                todo += [(node.gap, at + more) for more in range(MOST_GAP + 1)]
            if at < len(words):
                todo += [(below, at + 1) for below in node.next(words[at])]
        return ends

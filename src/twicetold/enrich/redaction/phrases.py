"""Fixed phrases, found in one walk over the words of a turn."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

_GROUP = re.compile(r"\(([^()]*)\)")


def variants(pattern: str) -> Iterator[str]:
    """All that a pattern stands for: ``(my|your|) pin`` is ``my pin``, ``your pin`` and ``pin``."""
    parts = _GROUP.split(pattern)  # plain text and groups, in turns
    choices = [[p] if place % 2 == 0 else p.split("|") for place, p in enumerate(parts)]
    for chosen in itertools.product(*choices):
        yield " ".join("".join(chosen).split())


class Phrases:
    """A tree of phrases; each stands for what it was added with."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, pattern: str, meaning: object, *, weight: int = 0) -> None:
        """``weight`` is what the phrase counts for beside its words, where two overlap."""
        for variant in variants(pattern):
            node = self._root
            for word in variant.split():
                node = node.setdefault(word, {})
            node[""] = (meaning, len(variant.split()) + weight)

    def find(self, words: Sequence[str]) -> Iterator[tuple[int, int, Any]]:
        """``(first, end, meaning)`` of the longest phrase at each place. They do not overlap: one
        that begins inside another, reaches further and counts for more takes its place ("social
        security number" that of "my social")."""
        at = 0
        while at < len(words):
            end, meaning, worth = self._longest(words, at)
            better = (self._longest(words, place) for place in range(at + 1, end))
            if end and not any(e > end and w > worth for e, _, w in better):
                yield at, end, meaning
                at = end
            else:
                at += 1

    def _longest(self, words: Sequence[str], at: int) -> tuple[int, Any, int]:
        node: dict[str, Any] | None = self._root
        end, meaning, worth = 0, None, 0
        for place in range(at, len(words)):
            node = node.get(words[place]) if node and words[place] else None
            if node is None:
                break
            if "" in node:
                end, (meaning, worth) = place + 1, node[""]
        return end, meaning, worth

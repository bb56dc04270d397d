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

    def add(self, pattern: str, meaning: object) -> None:
        for variant in variants(pattern):
            node = self._root
            for word in variant.split():
                node = node.setdefault(word, {})
            node[""] = meaning

    def find(self, words: Sequence[str]) -> Iterator[tuple[int, int, Any]]:
        """``(first, end, meaning)`` of the longest phrase at each place; they do not overlap."""
        at = 0
        while at < len(words):
            end, meaning = self._longest(words, at)
            if end:
                yield at, end, meaning
            at = end or at + 1

    def _longest(self, words: Sequence[str], at: int) -> tuple[int, Any]:
        node: dict[str, Any] | None = self._root
        end, meaning = 0, None
        for place in range(at, len(words)):
            node = node.get(words[place]) if node else None
            if node is None:
                break
            if "" in node:
                end, meaning = place + 1, node[""]
        return end, meaning

"""A test double of a recogniser that knows what is said and when, and is as unsteady as real ones.

Its sound says which stretch of it a window is: each tenth of a second has a value of its own.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twicetold.engines.inlet import RATE, Floats
from twicetold.engines.stream_adapter.recogniser import Heard
from twicetold.speech.transcript import Word

_BLOCK = RATE // 10
_LOUD = np.float32(32_768)
_DEAF_AT_MOST_S = 3.0


def sound_of(begin: int, end: int) -> Floats:
    """The samples from ``begin`` to ``end``."""
    blocks = np.arange(begin // _BLOCK, -(-end // _BLOCK), dtype=np.float32) / _LOUD
    skip = begin % _BLOCK
    sound: Floats = np.repeat(blocks, _BLOCK)[skip : skip + end - begin]
    return sound


def begin_of(sound: Floats) -> int:
    """The sample at which a window begins, as its sound tells."""
    other = np.flatnonzero(sound[: _BLOCK + 1] != sound[0])
    block = round(float(sound[0] * _LOUD))
    return (block + 1) * _BLOCK - int(other[0]) if len(other) else block * _BLOCK


@dataclass(frozen=True, slots=True)
class Faults:
    """``jitter_s``: how far times move from one window to the next. ``unstable_s``: of the
    window's end, where words may be wrong, missing or made up. ``misheard``: how likely a word
    before that is another one, though not in two windows in a row. ``deaf``: how likely it hears
    nothing. ``echoes``: half a word at the window's begin is heard as the whole one."""

    jitter_s: float = 0.0
    unstable_s: float = 0.0
    misheard: float = 0.0
    deaf: float = 0.0
    echoes: bool = False


class ScriptedRecogniser:
    """Answers each window with the words of ``truth`` in it. ``steady``: without any fault."""

    def __init__(self, truth: Sequence[Word], faults: Faults | None = None, seed: int = 0) -> None:
        self._truth, self._faults = truth, faults or Faults()
        self._ends = [word.end for word in truth]
        self._draw = random.Random(seed)
        self._made_up = 0
        self._misheard: set[int] = set()
        self._heard_at_s = 0.0
        self.steady = False
        self.windows_s: list[float] = []
        self.begins_s: list[float] = []
        self.prompts: list[str] = []

    def __call__(self, sound: Floats, prompt: str, language: str) -> Heard:
        begin_s = begin_of(sound) / RATE
        end_s = begin_s + len(sound) / RATE
        self.windows_s.append(len(sound) / RATE)
        self.begins_s.append(begin_s)
        self.prompts.append(prompt)
        if self._is_deaf(end_s):
            return Heard(())
        self._heard_at_s = end_s
        words = self._inside(begin_s, end_s)
        words = self._moved(self._unstable(words, end_s), begin_s, end_s)
        return Heard([word.shifted(-begin_s) for word in words])

    def _is_deaf(self, end_s: float) -> bool:
        may = not self.steady and end_s - self._heard_at_s < _DEAF_AT_MOST_S
        return may and self._draw.random() < self._faults.deaf

    def _inside(self, begin_s: float, end_s: float) -> list[Word]:
        words, misheard = [], set()
        for number in range(bisect(self._ends, begin_s), len(self._truth)):
            word = self._truth[number]
            if word.start >= end_s:
                break
            share = (min(end_s, word.end) - max(begin_s, word.start)) / (word.end - word.start)
            if share <= (0.2 if self._faults.echoes and word.start < begin_s else 0.5):
                continue
            wrong = word.end > end_s or self._draw.random() < self._faults.misheard
            if wrong and not self.steady and number not in self._misheard:
                misheard.add(number)
                word = replace(word, text=self._nonsense())
            words.append(word)
        self._misheard = misheard
        return words

    def _unstable(self, words: list[Word], end_s: float) -> list[Word]:
        """From somewhere on near the end: nothing, other words, or one more."""
        first = sum(word.end <= end_s - self._faults.unstable_s for word in words)
        if self.steady or not self._faults.unstable_s or first == len(words):
            return words
        at = self._draw.randint(first, len(words))
        kind = self._draw.choice(("less", "other", "more", "right"))
        if kind == "less":
            return words[:at]
        if kind == "other":
            return words[:at] + [replace(word, text=self._nonsense()) for word in words[at:]]
        if kind == "more":
            behind = max(words[at - 1].end if at else 0.0, end_s - self._faults.unstable_s)
            return [*words[:at], Word(behind, behind + 0.1, self._nonsense()), *words[at:]]
        return words

    def _moved(self, words: list[Word], begin_s: float, end_s: float) -> list[Word]:
        moved: list[Word] = []
        least = begin_s
        for word in words:
            by = self._faults.jitter_s
            start = max(least, word.start + self._draw.uniform(-by, by))
            end = max(start, word.end + self._draw.uniform(-by, by))
            moved.append(replace(word, start=min(start, end_s), end=min(end, end_s)))
            least = start
        return moved

    def _nonsense(self) -> str:
        self._made_up += 1
        return f"nonsense{self._made_up}"

"""Guards against what Whisper invents on silence and noise, and against its loops. Pure.

The thresholds, and the rule by which silence is told from quiet speech, are those of Radford et
al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 4.5. There, what
fails is sampled anew at rising temperatures; here nothing is drawn by lot, so that the same sound
always has the same words: what repeats itself is decoded again with repeating forbidden.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from twicetold.speech.transcript import Word


class Guard(StrEnum):
    """What a guard did, as ``Hypothesis.guarded`` names it."""

    SILENCE = "silence"  # a window in which nobody speaks: its words were thrown away
    REPETITION = "repetition"  # its text is too easy to compress: it was decoded again
    DOUBT = "doubt"  # the model was unsure of the text that was kept
    LOOP = "loop"  # words said over and over were taken out, but for the first time


@dataclass(frozen=True, slots=True)
class Thresholds:
    no_speech: float = 0.6
    log_probability: float = -1.0
    compression: float = 2.4


@dataclass(frozen=True, slots=True)
class Decoding:
    """One reading of a window. ``average``: its tokens' mean log-probability, end included."""

    tokens: tuple[int, ...]
    text: str
    average: float
    no_speech: float

    @property
    def compression(self) -> float:
        """Bytes of the text for each byte that zlib makes of it."""
        plain = self.text.encode()
        return len(plain) / len(zlib.compress(plain))


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a window is decoded. ``beam`` 0: as many as the engine was told."""

    beam: int = 0
    never_twice: int = 0  # so many tokens in a row
    penalty: float = 1.0  # for a token that was there before


LADDER = (Attempt(), Attempt(never_twice=4), Attempt(beam=1, never_twice=3, penalty=1.2))


def verdict(decoding: Decoding, limits: Thresholds) -> Guard | None:
    """What is wrong with a reading; None: nothing."""
    unsure = decoding.average < limits.log_probability
    if unsure and decoding.no_speech > limits.no_speech:
        return Guard.SILENCE
    if decoding.compression > limits.compression:
        return Guard.REPETITION
    return Guard.DOUBT if unsure else None


def settle(
    decode: Callable[[Attempt], Generator[Any, Any, Decoding]], limits: Thresholds
) -> Generator[Any, Any, tuple[Decoding | None, list[Guard]]]:
    """The reading that is kept (None: nobody speaks) and what the guards did to find it. What is
    yielded are the steps of ``decode``, which may wait for others."""
    tried: list[Decoding] = []
    for attempt in LADDER:
        tried.append((yield from decode(attempt)))
        found = verdict(tried[-1], limits)
        if found is Guard.REPETITION:
            continue
        again = [Guard.REPETITION] * (len(tried) - 1)
        if found is Guard.SILENCE:
            return None, [*again, found]
        return tried[-1], [*again, found] if found else again
    best = max(tried, key=lambda decoding: decoding.average)
    return best, [Guard.REPETITION] * len(tried)


# --- loops ------------------------------------------------------------------------------

_LONGEST_PHRASE = 8  # words
_TOO_FAST_S = 0.1  # a word; nobody speaks faster than that
_OFTEN, _OFTEN_IF_FAST = 5, 4
_OFTEN_IF_SHORT = 16  # "no no no no" is said, and so are the digits of a number
_SHORT = 2  # words


def without_loops(words: Sequence[Word]) -> tuple[list[Word], int]:
    """The words without what nobody says so often or so fast, and how many loops there were.

    A phrase of three words and more is a loop if it is said five times in a row, a shorter one if
    it is said sixteen times, any if it is said four times, faster than people speak.
    """
    kept, loops = list(words), 0
    while found := _take_out(kept):  # without its stutter, a phrase may turn out to be a loop
        loops += found
    return kept, loops


def _take_out(kept: list[Word]) -> int:
    loops = at = 0
    texts = [folded(word.text) for word in kept]
    while at < len(kept):
        for size in range(1, _LONGEST_PHRASE + 1):
            times = _times(texts, at, size)
            if _is_loop(kept[at : at + size * times], size, times):
                del kept[at + size : at + size * times]
                del texts[at + size : at + size * times]
                loops += 1
                break
        at += 1
    return loops


def _times(texts: list[str], at: int, size: int) -> int:
    """How often in a row the ``size`` words at that place are said."""
    phrase, times = texts[at : at + size], 1
    if len(phrase) < size or _is_repetition(phrase):
        return 1
    while texts[at + times * size : at + (times + 1) * size] == phrase:
        times += 1
    return times


def _is_repetition(phrase: list[str]) -> bool:
    """Of a shorter phrase: that one is counted instead."""
    return any(
        phrase == phrase[:size] * (len(phrase) // size)
        for size in range(1, len(phrase) // 2 + 1)
        if len(phrase) % size == 0
    )


def _is_loop(words: Sequence[Word], size: int, times: int) -> bool:
    if times >= (_OFTEN if size > _SHORT else _OFTEN_IF_SHORT):
        return True
    again = words[size:]
    if times < _OFTEN_IF_FAST:
        return False
    return again[-1].end - again[0].start < _TOO_FAST_S * len(again)


def folded(text: str) -> str:
    """Without case and punctuation; a word of nothing else stays as it is."""
    plain = "".join(c for c in text.casefold() if unicodedata.category(c)[0] not in "PSZ")
    return plain or text

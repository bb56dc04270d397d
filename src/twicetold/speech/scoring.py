"""Word error rates: how texts are made comparable, counted, and compared with each other.

Normalisers are those of the Whisper paper (Radford et al., 2022, appendix C), as most
published figures use them; a rate is worth nothing without the normaliser's name beside it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from rapidfuzz.distance import Levenshtein

from twicetold.speech.language import primary_language

NORMALISER = "whisper-english"
BASIC_NORMALISER = "whisper-basic-marks"  # marks kept: without them Indic scripts lose their vowels

_DRAWN_AT_ONCE = 1_000_000


def normaliser_name(language: str) -> str:
    """Which normaliser ``normalise`` uses for a language (``en``, ``en-GB``, ``de``)."""
    english = primary_language(language) == "en"
    return NORMALISER if english else BASIC_NORMALISER


def normalise(text: str, language: str) -> list[str]:
    """The words of ``text``, made comparable: case, punctuation, numbers, spellings, fillers.

    For English "Twenty-one colours" gives ``["21", "colors"]``; for any other language case and
    punctuation are taken away, and what stands in brackets.
    """
    return _load(normaliser_name(language))(text).split()


@cache
def _load(name: str) -> Callable[[str], str]:
    with warnings.catch_warnings():
        # The package's docstrings hold invalid escapes, of which Python warns (DeprecationWarning
        # up to 3.11, SyntaxWarning since) when it compiles them: nothing that a caller can mend.
        warnings.filterwarnings("ignore", "invalid escape sequence", DeprecationWarning)
        warnings.filterwarnings("ignore", ".*invalid escape sequence", SyntaxWarning)
        from whisper_normalizer.basic import BasicTextNormalizer
        from whisper_normalizer.english import EnglishTextNormalizer
    made: Callable[[str], str]
    if name == NORMALISER:
        made = EnglishTextNormalizer()
    else:
        made = BasicTextNormalizer(preserve_marks=True)
    return made


@dataclass(frozen=True, slots=True)
class Errors:
    """What was counted against a reference. Add them up before you take the rate."""

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0
    reference_words: int = 0

    @property
    def total(self) -> int:
        return self.substitutions + self.insertions + self.deletions

    @property
    def wer(self) -> float:
        """Errors per reference word, 1.0 = 100 %; with an empty reference, the words inserted."""
        return self.total / max(1, self.reference_words)

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.reference_words + other.reference_words,
        )


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> Errors:
    """The fewest word substitutions, insertions and deletions that make one of the other."""
    counts = {"replace": 0, "insert": 0, "delete": 0}
    for operation in Levenshtein.editops(reference, hypothesis):
        counts[operation.tag] += 1
    return Errors(counts["replace"], counts["insert"], counts["delete"], len(reference))


def distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """``word_errors(…).total`` without the kinds, in linear memory; 100,000 words take 1 s."""
    return Levenshtein.distance(reference, hypothesis)


def channel_errors(
    reference: Mapping[int, Sequence[str]], hypothesis: Mapping[int, Sequence[str]]
) -> Errors:
    """Channels scored apart and summed, so that words said at once need no common order.

    A channel that one side lacks counts as silent there.
    """
    errors = Errors()
    for channel in sorted(reference.keys() | hypothesis.keys()):
        errors += word_errors(reference.get(channel, ()), hypothesis.get(channel, ()))
    return errors


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the bounds that hold it in 95 of 100 resamples (2.5th and 97.5th percentile)."""

    mean: float
    low: float
    high: float


def paired_bootstrap(
    reference_errors: Sequence[tuple[int, int, int]], samples: int = 10_000, seed: int = 1
) -> Interval:
    """WER(a) − WER(b) over the same utterances, with its 95 % interval.

    ``reference_errors``: per utterance the errors of a, the errors of b, and the reference words.
    Utterances are resampled with replacement, both systems' together (Bisani and Ney, 2004).
    Same seed, same interval. Raises ValueError where there is no reference word.
    """
    table = np.asarray(reference_errors, dtype=np.int64).reshape(-1, 3)
    difference, words = table[:, 0] - table[:, 1], table[:, 2]
    if words.sum() <= 0:
        raise ValueError("expected at least one reference word but got none")
    random = np.random.default_rng(seed)
    rates: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    step = max(1, _DRAWN_AT_ONCE // len(table))
    for first in range(0, samples, step):
        shape = (min(step, samples - first), len(table))
        drawn = random.integers(0, len(table), size=shape)
        rates.append(difference[drawn].sum(axis=1) / np.maximum(1, words[drawn].sum(axis=1)))
    low, high = np.percentile(np.concatenate(rates), [2.5, 97.5])
    return Interval(float(difference.sum() / words.sum()), float(low), float(high))


def wer_interval(errors: Sequence[Errors], samples: int = 10_000, seed: int = 1) -> Interval:
    """The WER over all of these recordings with its 95 % interval, recordings resampled.

    Raises ValueError where there is no reference word.
    """
    return paired_bootstrap(
        [(each.total, 0, each.reference_words) for each in errors], samples, seed
    )

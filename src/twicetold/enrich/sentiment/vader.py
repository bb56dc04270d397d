"""VADER (Hutto and Gilbert, 2014): a lexicon with rules for negation and emphasis; English only.

Made for short informal texts, it reads sentence by sentence, as its authors advise.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from twicetold.enrich.sentiment.port import Utterance
from twicetold.errors import MissingExtra
from twicetold.speech.language import primary_language

# At and beyond these VADER's authors call a text positive or negative.
POSITIVE, NEGATIVE = 0.05, -0.05

_SENTENCES = re.compile(r"[^.!?]+[.!?]*")
_MOST_WORDS = 40  # without marks a sentence is no longer


class VaderJudge:
    """A SentimentJudge; one serves all calls."""

    name = "vader"

    def speaks(self, language: str) -> bool:
        return primary_language(language) == "en"

    async def scores(self, utterances: Sequence[Utterance], language: str) -> list[float | None]:
        return await asyncio.to_thread(lambda: [score_of(each.text) for each in utterances])


def score_of(text: str) -> float | None:
    """The mean of a text's sentences by their words, -1..1; None without words. Blocks."""
    if text.isupper():
        text = text.lower()  # an engine that writes so shouts nothing
    total, words = 0.0, 0
    for sentence in _sentences(text):
        count = len(sentence.split())
        total += count * float(_analyzer().polarity_scores(sentence)["compound"])
        words += count
    return total / words if words else None


def _sentences(text: str) -> Iterator[str]:
    for sentence in _SENTENCES.findall(text):
        words = sentence.split()
        for at in range(0, len(words), _MOST_WORDS):
            yield " ".join(words[at : at + _MOST_WORDS])


@cache
def _analyzer() -> Any:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError as error:
        raise MissingExtra(
            "Sentiment needs the package vaderSentiment.", "pip install vaderSentiment"
        ) from error
    return SentimentIntensityAnalyzer()

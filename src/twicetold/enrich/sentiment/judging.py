"""A call's sentiment: each segment is judged, and what they come to."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from twicetold.enrich.metrics.stretches import Roles, speaker_of
from twicetold.enrich.sentiment.model import (
    MOST_POINTS,
    CallSentiment,
    CurvePoint,
    SpeakerSentiment,
)
from twicetold.enrich.sentiment.port import SentimentJudge, Utterance
from twicetold.errors import TwicetoldError
from twicetold.speech.transcript import Segment

LANGUAGE = "language"

_LEAST_BIN_S = 15.0
_STAND_IN = re.compile(r"\[[A-Z][A-Z0-9_]*\]")


@dataclass(frozen=True, slots=True)
class _Scored:
    speaker: str
    at: float  # its middle
    words: int
    score: float


async def judged(
    segments: Sequence[Segment],
    judge: SentimentJudge,
    *,
    length_s: float,
    language: str,
    roles: Roles = (),
    fallback: SentimentJudge | None = None,
) -> tuple[list[Segment], CallSentiment]:
    """The segments with their sentiment, and the call's.

    Where ``judge`` fails or does not speak the language ``fallback`` judges everything, and the
    result says why; where that cannot either, nothing is judged: None, not 0.
    """
    said = [Utterance(speaker_of(each, roles), _text_of(each)) for each in segments]
    scores: list[float | None] = [None] * len(said)
    name, reason = "", ""
    for each in (judge, fallback):
        if each is None:
            continue
        if not each.speaks(language):
            reason = reason or LANGUAGE
            continue
        try:
            scores, name = await each.scores(said, language), each.name
            break
        except TwicetoldError as error:
            reason = reason or error.code
    marked = [replace(s, sentiment=score) for s, score in zip(segments, scores, strict=True)]
    scored = [
        _Scored(one.speaker, (segment.start + segment.end) / 2, len(one.text.split()), score)
        for segment, one, score in zip(segments, said, scores, strict=True)
        if score is not None
    ]
    return marked, _summed(scored, said, length_s).named(name, judge.name, language, reason)


@dataclass(frozen=True, slots=True)
class _Sums:
    score: float | None
    curve: tuple[CurvePoint, ...]
    speakers: tuple[SpeakerSentiment, ...]

    def named(self, judge: str, wished: str, language: str, reason: str) -> CallSentiment:
        return CallSentiment(self.score, judge, wished, language, reason, self.curve, self.speakers)


def _summed(scored: Sequence[_Scored], said: Sequence[Utterance], length_s: float) -> _Sums:
    speakers = dict.fromkeys(each.speaker for each in said)
    own = {name: [each for each in scored if each.speaker == name] for name in speakers}
    return _Sums(
        _mean(scored),
        _curve(scored, length_s),
        tuple(
            SpeakerSentiment(name, _mean(each), _curve(each, length_s))
            for name, each in own.items()
        ),
    )


def _mean(scored: Sequence[_Scored]) -> float | None:
    """By words; None of nothing."""
    words = sum(each.words for each in scored)
    return sum(each.score * each.words for each in scored) / words if words else None


def _curve(scored: Sequence[_Scored], length_s: float) -> tuple[CurvePoint, ...]:
    """Means of equal parts of the call, 15 s at least."""
    length_s = max([length_s, 1e-3, *(each.at for each in scored)])
    parts = min(MOST_POINTS, max(1, math.ceil(length_s / _LEAST_BIN_S)))
    part_s = length_s / parts
    held: dict[int, list[_Scored]] = {}
    for each in scored:
        held.setdefault(min(parts - 1, int(each.at / part_s)), []).append(each)
    means = ((part, _mean(held[part])) for part in sorted(held))
    return tuple(
        CurvePoint((part + 0.5) * part_s, mean) for part, mean in means if mean is not None
    )


def _text_of(segment: Segment) -> str:
    """Without what stands for redacted words: their capitals would count as emphasis."""
    if segment.words:
        return " ".join(word.text for word in segment.words if not word.redacted)
    return " ".join(_STAND_IN.sub(" ", segment.text).split())

"""What is known of a call's sentiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_POINTS = 60  # of a curve


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The mean sentiment around second ``at``."""

    at: float
    score: float


@dataclass(frozen=True, slots=True)
class SpeakerSentiment:
    speaker: str
    score: float | None
    curve: tuple[CurvePoint, ...] = ()


@dataclass(frozen=True, slots=True)
class CallSentiment:
    """``score``: -1..1, or None where nothing was judged. ``judge``: who did, "" where nobody.

    ``reason`` says why it was not ``wished``: ``language`` (it does not speak it) or the code of an
    error. Curves have at most 60 points, none where nobody spoke.
    """

    score: float | None
    judge: str
    wished: str
    language: str
    reason: str = ""
    curve: tuple[CurvePoint, ...] = ()
    speakers: tuple[SpeakerSentiment, ...] = ()

    def of(self, speaker: str) -> float | None:
        return next((each.score for each in self.speakers if each.speaker == speaker), None)

    def to_dict(self) -> dict[str, Any]:
        return {
            "score": _rounded(self.score),
            "judge": self.judge,
            "wished": self.wished,
            "language": self.language,
            "reason": self.reason,
            "curve": _points(self.curve),
            "speakers": [
                {
                    "speaker": each.speaker,
                    "score": _rounded(each.score),
                    "curve": _points(each.curve),
                }
                for each in self.speakers
            ],
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> CallSentiment:
        return cls(
            body["score"],
            body["judge"],
            body["wished"],
            body["language"],
            body.get("reason", ""),
            _curve(body["curve"]),
            tuple(
                SpeakerSentiment(each["speaker"], each["score"], _curve(each["curve"]))
                for each in body["speakers"]
            ),
        )


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


def _points(curve: tuple[CurvePoint, ...]) -> list[list[float]]:
    return [[round(point.at, 3), round(point.score, 4)] for point in curve]


def _curve(points: list[list[float]]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(at, score) for at, score in points)

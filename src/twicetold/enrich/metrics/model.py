"""What is measured of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class SpeakerMetrics:
    """One speaker. Seconds end in ``_s``, shares are 0..1; None where nothing could be measured.

    ``talk_share`` is of all speakers' talk time; ``words_per_minute`` of talk time;
    ``response_…``: how soon this speaker answers others; ``interruptions``: that this one made.
    """

    speaker: str
    talk_s: float
    talk_share: float
    words: int
    words_per_minute: float | None
    turns: int
    interruptions: int
    longest_monologue_s: float
    response_median_s: float | None
    response_p90_s: float | None
    questions: int | None

    def to_dict(self) -> dict[str, Any]:
        return _rounded(self)

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> SpeakerMetrics:
        return cls(**{item.name: body[item.name] for item in fields(cls)})


@dataclass(frozen=True, slots=True)
class CallMetrics:
    """The whole call. ``talk_s``: somebody speaks; ``silence_s``: nobody; together the length.

    ``questions`` is None where the engine writes no question marks and the language is not English.
    """

    length_s: float
    talk_s: float
    silence_s: float
    silence_share: float
    longest_silence_s: float
    talk_over_s: float
    hold_s: float
    holds: int
    words: int
    words_per_minute: float | None
    turns: int
    interruptions: int
    longest_monologue_s: float
    response_median_s: float | None
    response_p90_s: float | None
    questions: int | None
    speakers: tuple[SpeakerMetrics, ...] = ()

    def of(self, speaker: str) -> SpeakerMetrics | None:
        return next((each for each in self.speakers if each.speaker == speaker), None)

    def value(self, name: str) -> float | None:
        """By name: ``silence_share``, or of one speaker ``customer.talk_share``; None where it
        could not be measured or nobody is called so. Raises AttributeError for an unknown name."""
        speaker, dot, metric = name.rpartition(".")
        if not dot:
            return _number(getattr(self, metric))
        about = self.of(speaker)
        return None if about is None else _number(getattr(about, metric))

    def to_dict(self) -> dict[str, Any]:
        return _rounded(self) | {"speakers": [each.to_dict() for each in self.speakers]}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> CallMetrics:
        told = {item.name: body[item.name] for item in fields(cls)}
        return cls(**told | {"speakers": tuple(map(SpeakerMetrics.from_dict, body["speakers"]))})


OF_CALL = tuple(item.name for item in fields(CallMetrics) if item.name != "speakers")
OF_SPEAKER = tuple(item.name for item in fields(SpeakerMetrics) if item.name != "speaker")


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _rounded(metrics: SpeakerMetrics | CallMetrics) -> dict[str, Any]:
    values = ((item.name, getattr(metrics, item.name)) for item in fields(metrics))
    return {n: round(v, 3) if isinstance(v, float) else v for n, v in values if n != "speakers"}

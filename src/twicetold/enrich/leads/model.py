"""Rubrics, and what they come to for a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from twicetold.enrich.leads.calibration import Calibration
from twicetold.enrich.rules.model import Rule

LEAD = "lead"  # the insight that holds a call's score with its reasons

LOWEST, HIGHEST = 0, 100
MOST_TIMES = 10  # that a reason lists


class Condition(StrEnum):
    """What a rule looks at; its key in the file."""

    SAY = "say"
    METRIC = "metric"
    SENTIMENT = "sentiment"
    OUTCOME = "outcome"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class RubricRule:
    """``about``: a metric's name, whose sentiment, an outcome's name, or a question. ``phrases``
    say what has to be said; ``count``: how many of the times count, each with the weight."""

    name: str
    weight: float
    condition: Condition
    about: str = ""
    phrases: Rule | None = None
    at_least: float | None = None
    at_most: float | None = None
    values: tuple[str, ...] = ()
    count: int = 1

    def holds(self, value: float) -> bool:
        """Whether a number is within the rule's bounds, both included."""
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True, slots=True)
class Rubric:
    """``fingerprint`` changes with whatever changes a score, and so makes a calibration void."""

    name: str
    base: float
    rules: tuple[RubricRule, ...]
    fingerprint: str
    calibration: Calibration | None = None

    @property
    def calibrated(self) -> bool:
        return self.calibration is not None and self.calibration.rubric == self.fingerprint

    @property
    def questions(self) -> tuple[tuple[str, str], ...]:
        """What is to be asked of a language model: rule, question."""
        return tuple(
            (rule.name, rule.about) for rule in self.rules if rule.condition is Condition.ASK
        )


# The rubric by which a tenant's calls are scored now; None where there is none of use.
RubricOf = Callable[[str], Rubric | None]


@dataclass(frozen=True, slots=True)
class Fired:
    """A reason: what a rule added (or took), when it was seen (start, end in seconds, the first 10
    times), or which value was."""

    rule: str
    points: float
    times: tuple[tuple[float, float], ...] = ()
    value: float | str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "points": self.points,
            "times": [[round(start, 3), round(end, 3)] for start, end in self.times],
            "value": round(self.value, 4) if isinstance(self.value, float) else self.value,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Fired:
        """Raises KeyError, TypeError or ValueError for what ``to_dict`` did not write."""
        times = tuple((start, end) for start, end in told["times"])
        return cls(told["rule"], told["points"], times, told["value"])


@dataclass(frozen=True, slots=True)
class LeadScore:
    """``score``: 0..100, ``base`` and the points of ``fired``, cut off at both ends.

    ``probability``: of a good outcome, once the rubric is calibrated; None: uncalibrated, and the
    score is an order and no more. ``unjudged``: rules of which nobody can say whether they hold.
    """

    score: int
    base: float
    rubric: str
    fingerprint: str
    fired: tuple[Fired, ...] = ()
    unjudged: tuple[str, ...] = ()
    probability: float | None = None

    @property
    def calibrated(self) -> bool:
        return self.probability is not None

    def to_dict(self) -> dict[str, Any]:
        return {
            "score": self.score,
            "base": self.base,
            "calibrated": self.calibrated,
            "probability": None if self.probability is None else round(self.probability, 4),
            "rubric": self.rubric,
            "fingerprint": self.fingerprint,
            "fired": [each.to_dict() for each in self.fired],
            "unjudged": list(self.unjudged),
        }

"""What is found out about a call once its words stand, each as a stage of the batch pass."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from twicetold.enrich.leads import LEAD, Rubric, parse_rubric, score_call
from twicetold.enrich.llm import LlmAnswer
from twicetold.enrich.metrics import CallMetrics, measure
from twicetold.enrich.rules import RuleSet, evaluate, parse_rules
from twicetold.enrich.sentiment import CallSentiment, VaderJudge, judged
from twicetold.enrich.steps import Facts, Known

_VERSION = 1  # raise it with every change that finds something else


@dataclass(frozen=True, slots=True)
class Measure:
    """How the conversation ran. ``roles``: who speaks on each channel, where nothing else says."""

    roles: tuple[str, ...] = ()
    name: str = "metrics"
    closed: bool = False

    @property
    def settings(self) -> str:
        return f"{_VERSION} {self.roles}"

    def apply(self, known: Known, facts: Facts) -> Known:
        measured = measure(
            known.segments, facts.length_s, roles=self.roles, language=facts.language
        )
        return known.with_insight("metrics", measured.to_dict())


@dataclass(frozen=True, slots=True)
class JudgeSentiment:
    """How it went, of each segment, speaker and call, by VADER."""

    roles: tuple[str, ...] = ()
    name: str = "sentiment"
    closed: bool = False

    @property
    def settings(self) -> str:
        return f"{_VERSION} vader {self.roles}"

    def apply(self, known: Known, facts: Facts) -> Known:
        """In a process of its own; a loop for the port's sake, which others wait in."""
        judging = judged(
            known.segments,
            VaderJudge(),
            length_s=facts.length_s,
            language=facts.language,
            roles=self.roles,
        )
        segments, found = asyncio.run(judging)
        return Known(tuple(segments), known.insights).with_insight("sentiment", found.to_dict())


@dataclass(frozen=True, slots=True)
class ApplyRules:
    """Which categories a call is of, by the phrase rules in ``text``."""

    text: str
    source: str  # what a person calls the file
    roles: tuple[str, ...] = ()
    name: str = "rules"
    closed: bool = False

    @property
    def settings(self) -> str:
        return f"{_VERSION} {self.roles} {rules_of(self.text, self.source).fingerprint}"

    def apply(self, known: Known, facts: Facts) -> Known:
        """Raises SettingError, with file, line and column."""
        rules = rules_of(self.text, self.source)
        found = evaluate(rules, known.segments, facts.length_s, self.roles)
        return known.with_insight("rules", found.to_dict())


@lru_cache(maxsize=64)
def rules_of(text: str, source: str) -> RuleSet:
    """Parsed once. Raises SettingError, with file, line and column."""
    return parse_rules(text, source)


@dataclass(frozen=True, slots=True)
class ScoreLead:
    """How promising it is, from 0 to 100, by the rubric in ``text``."""

    text: str
    source: str
    roles: tuple[str, ...] = ()
    name: str = LEAD
    closed: bool = False

    @property
    def settings(self) -> str:
        rubric = rubric_of(self.text, self.source)
        return f"{_VERSION} {self.roles} {rubric.fingerprint} {rubric.calibration}"

    def apply(self, known: Known, facts: Facts) -> Known:
        """Raises SettingError, with file, line and column."""
        return scored(known, facts, rubric_of(self.text, self.source), self.roles)


def scored(
    known: Known,
    facts: Facts,
    rubric: Rubric,
    roles: tuple[str, ...],
    answers: Mapping[str, LlmAnswer] = MappingProxyType({}),
) -> Known:
    """With the insight of the lead score, by what else is known."""
    metrics, sentiment = known.insights.get("metrics"), known.insights.get("sentiment")
    found = score_call(
        rubric,
        known.segments,
        facts.length_s,
        metrics=CallMetrics.from_dict(metrics) if metrics else None,
        sentiment=CallSentiment.from_dict(sentiment) if sentiment else None,
        outcomes=facts.outcomes,
        answers=answers,
        roles=roles,
    )
    return known.with_insight(LEAD, found.to_dict())


@lru_cache(maxsize=64)
def rubric_of(text: str, source: str) -> Rubric:
    """Parsed once. Raises SettingError, with file, line and column."""
    return parse_rubric(text, source)


@dataclass(frozen=True, slots=True)
class Unusable:
    """Stands for a stage whose settings are wrong: it is left out, and that is told."""

    name: str
    error: Exception
    closed: bool = False

    @property
    def settings(self) -> str:
        return str(self.error)

    def apply(self, known: Known, facts: Facts) -> Known:
        """Raises what is wrong."""
        raise self.error

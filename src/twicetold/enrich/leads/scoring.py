"""A call's score by a rubric, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any

from twicetold.enrich.leads.model import (
    HIGHEST,
    LOWEST,
    MOST_TIMES,
    Condition,
    Fired,
    LeadScore,
    Rubric,
    RubricRule,
)
from twicetold.enrich.llm.questions import LlmAnswer
from twicetold.enrich.metrics import CallMetrics
from twicetold.enrich.rules import RuleMatch, RuleSet, evaluate
from twicetold.enrich.rules.listening import Roles
from twicetold.enrich.sentiment import CallSentiment
from twicetold.speech.transcript import Segment

WHOLE_CALL = "call"  # whose sentiment, where it is nobody's alone


class _Unfired(Enum):
    NO = "no"
    UNKNOWN = "unknown"


_NO, _UNKNOWN = _Unfired.NO, _Unfired.UNKNOWN
_NONE: Mapping[str, str] = MappingProxyType({})
_UNASKED: Mapping[str, LlmAnswer] = MappingProxyType({})


def score_call(
    rubric: Rubric,
    segments: Sequence[Segment],
    length_s: float,
    *,
    metrics: CallMetrics | None = None,
    sentiment: CallSentiment | None = None,
    outcomes: Mapping[str, str] = _NONE,
    answers: Mapping[str, LlmAnswer] = _UNASKED,
    roles: Roles = (),
) -> LeadScore:
    """Score a call. What is not given cannot be judged, and counts nothing. ``answers``: by rule,
    to ``rubric.questions``, their utterances as indices of ``segments``."""
    known = _Known(segments, metrics, sentiment, outcomes, answers)
    known.hear(rubric, length_s, roles)
    return _summed(rubric, [(rule, known.judge(rule)) for rule in rubric.rules])


class _Known:
    """What is known of a call, as far as rules ask for it."""

    def __init__(
        self,
        segments: Sequence[Segment],
        metrics: CallMetrics | None,
        sentiment: CallSentiment | None,
        outcomes: Mapping[str, str],
        answers: Mapping[str, LlmAnswer],
    ) -> None:
        self._segments, self._metrics, self._sentiment = segments, metrics, sentiment
        self._outcomes, self._answers = outcomes, answers
        self._said: dict[str, list[RuleMatch]] = {}
        self._unnamed: set[str] = set()  # rules about people whom nothing names

    def hear(self, rubric: Rubric, length_s: float, roles: Roles) -> None:
        """Find the phrases of all rules."""
        rules = tuple(rule.phrases for rule in rubric.rules if rule.phrases is not None)
        phrases = RuleSet(rules, rubric.fingerprint, ("",))
        report = evaluate(phrases, self._segments, length_s, roles)
        for match in report.matches:
            self._said.setdefault(match.rule, []).append(match)
        self._unnamed = {rule for _, rule in report.unjudged}

    def judge(self, rule: RubricRule) -> Fired | _Unfired:
        if rule.condition is Condition.SAY:
            return self._phrases(rule)
        if rule.condition is Condition.ASK:
            return self._answer(rule)
        if rule.condition is Condition.OUTCOME:
            return _outcome(rule, self._outcomes)
        value = self._value(rule)
        if value is None:
            return _UNKNOWN
        return Fired(rule.name, rule.weight, value=value) if rule.holds(value) else _NO

    def _phrases(self, rule: RubricRule) -> Fired | _Unfired:
        found = self._said.get(rule.name, [])
        if not found:
            return _UNKNOWN if rule.name in self._unnamed else _NO
        times = tuple((match.start, match.end) for match in found[:MOST_TIMES])
        return Fired(rule.name, rule.weight * min(rule.count, len(found)), times)

    def _answer(self, rule: RubricRule) -> Fired | _Unfired:
        answer = self._answers.get(rule.name)
        if answer is None:
            return _UNKNOWN
        shown = [self._segments[index] for index in answer.utterances[:MOST_TIMES]]
        times = tuple((each.start, each.end) for each in shown)
        return Fired(rule.name, rule.weight, times) if answer.yes else _NO

    def _value(self, rule: RubricRule) -> float | None:
        if rule.condition is Condition.METRIC:
            return None if self._metrics is None else self._metrics.value(rule.about)
        if self._sentiment is None:
            return None
        told = self._sentiment
        return told.score if rule.about == WHOLE_CALL else told.of(rule.about)


def _outcome(rule: RubricRule, outcomes: Mapping[str, str]) -> Fired | _Unfired:
    outcome = outcomes.get(rule.about)
    if outcome is None:
        return _UNKNOWN
    return Fired(rule.name, rule.weight, value=outcome) if outcome in rule.values else _NO


def _summed(rubric: Rubric, judged: Sequence[tuple[RubricRule, Fired | _Unfired]]) -> LeadScore:
    """Cut off at the ends at last: what adds never lowers, whatever else counts."""
    fired = tuple(found for _, found in judged if isinstance(found, Fired))
    points = rubric.base + sum(each.points for each in fired)
    score = round(min(HIGHEST, max(LOWEST, points)))
    calibration = rubric.calibration if rubric.calibrated else None
    return LeadScore(
        score,
        rubric.base,
        rubric.name,
        rubric.fingerprint,
        fired,
        tuple(rule.name for rule, found in judged if found is _UNKNOWN),
        None if calibration is None else calibration.probability(score),
    )


def with_outcomes(
    lead: Mapping[str, Any], outcomes: Mapping[str, str], rubric: Rubric | None
) -> dict[str, Any] | None:
    """``LeadScore.to_dict()`` of a call whose outcomes are these, from that of other outcomes, and
    without its words: what its other rules have found stays. None where ``lead`` is not by this
    rubric, or of another version's form: what its rules would have found, nobody knows."""
    if rubric is None or lead.get("fingerprint") != rubric.fingerprint:
        return None
    try:
        stood = {each["rule"]: Fired.from_dict(each) for each in lead["fired"]}
        unknown = frozenset(lead["unjudged"])
    except (KeyError, TypeError, ValueError):
        return None

    def judged(rule: RubricRule) -> Fired | _Unfired:
        if rule.condition is Condition.OUTCOME:
            return _outcome(rule, outcomes)
        return stood.get(rule.name, _UNKNOWN if rule.name in unknown else _NO)

    found = _summed(rubric, [(rule, judged(rule)) for rule in rubric.rules])
    return {**lead, **found.to_dict()}

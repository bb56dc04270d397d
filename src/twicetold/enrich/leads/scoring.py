"""A call's score by a rubric, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

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

OF_CALL = "call"  # whose sentiment, where it is nobody's alone

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
    said, unknown = _said(rubric, segments, length_s, roles)
    fired: list[Fired] = []
    unjudged: list[str] = []
    for rule in rubric.rules:
        if rule.condition is Condition.SAY:
            found = said.get(rule.name, [])
            known = rule.name not in unknown
            reason = _reason(rule, [(match.start, match.end) for match in found])
        elif rule.condition is Condition.ASK:
            answer = answers.get(rule.name)
            known = answer is not None
            reason = _answered(rule, answer, segments)
        elif rule.condition is Condition.OUTCOME:
            outcome = outcomes.get(rule.about)
            known = outcome is not None
            reason = Fired(rule.name, rule.weight, value=outcome)
            reason = reason if outcome in rule.values else None
        else:
            value = _value(rule, metrics, sentiment)
            known = value is not None
            holds = value is not None and rule.holds(value)
            reason = Fired(rule.name, rule.weight, value=value) if holds else None
        if reason is not None:
            fired.append(reason)
        elif not known:
            unjudged.append(rule.name)
    return _scored(rubric, fired, unjudged)


def _scored(rubric: Rubric, fired: Sequence[Fired], unjudged: Sequence[str]) -> LeadScore:
    """Cut off at the ends at last: what adds never lowers, whatever else counts."""
    points = rubric.base + sum(each.points for each in fired)
    score = round(min(HIGHEST, max(LOWEST, points)))
    calibration = rubric.calibration if rubric.calibrated else None
    return LeadScore(
        score,
        rubric.name,
        rubric.fingerprint,
        tuple(fired),
        tuple(unjudged),
        None if calibration is None else calibration.probability(score),
    )


def _said(
    rubric: Rubric, segments: Sequence[Segment], length_s: float, roles: Roles
) -> tuple[dict[str, list[RuleMatch]], set[str]]:
    """Matches by rule, and the rules about people whom nothing names."""
    rules = tuple(rule.phrases for rule in rubric.rules if rule.phrases is not None)
    report = evaluate(RuleSet(rules, rubric.fingerprint, ("",)), segments, length_s, roles)
    found: dict[str, list[RuleMatch]] = {}
    for match in report.matches:
        found.setdefault(match.rule, []).append(match)
    return found, {rule for _, rule in report.unjudged}


def _reason(rule: RubricRule, times: Sequence[tuple[float, float]]) -> Fired | None:
    if not times:
        return None
    points = rule.weight * min(rule.count, len(times))
    return Fired(rule.name, points, tuple(times[:MOST_TIMES]))


def _answered(
    rule: RubricRule, answer: LlmAnswer | None, segments: Sequence[Segment]
) -> Fired | None:
    if answer is None or not answer.yes:
        return None
    shown = [segments[index] for index in answer.utterances[:MOST_TIMES]]
    return Fired(rule.name, rule.weight, tuple((each.start, each.end) for each in shown))


def _value(
    rule: RubricRule, metrics: CallMetrics | None, sentiment: CallSentiment | None
) -> float | None:
    if rule.condition is Condition.METRIC:
        return None if metrics is None else metrics.value(rule.about)
    if sentiment is None:
        return None
    return sentiment.score if rule.about == OF_CALL else sentiment.of(rule.about)

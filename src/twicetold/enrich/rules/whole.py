"""Rules over a whole transcript: what it is about, and what was said or left out, with times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from twicetold.enrich.rules.evaluation import Evaluation, Find
from twicetold.enrich.rules.listening import Roles
from twicetold.enrich.rules.model import Must, Rule, RuleSet
from twicetold.speech.transcript import Segment

MOST_MATCHES = 10_000


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """``start`` and ``end`` in seconds. ``segment``, ``channel`` and ``words`` (indices, first and
    last) say where; of something left out there is a time alone. Never holds what was said."""

    category: str
    rule: str
    must: Must
    start: float
    end: float
    segment: int | None = None
    channel: int | None = None
    words: tuple[int, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "category": self.category,
            "rule": self.rule,
            "must": self.must.value,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "segment": self.segment,
            "channel": self.channel,
            "words": list(self.words) if self.words else None,
        }


@dataclass(frozen=True, slots=True)
class RuleReport:
    """``categories``: those with a match, in the file's order. ``unjudged``: rules (category,
    rule) about somebody whom nothing in the transcript names."""

    categories: tuple[str, ...] = ()
    matches: tuple[RuleMatch, ...] = ()
    unjudged: tuple[tuple[str, str], ...] = ()
    fingerprint: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "categories": list(self.categories),
            "matches": [match.to_dict() for match in self.matches],
            "unjudged": [list(each) for each in self.unjudged],
            "fingerprint": self.fingerprint,
        }


def evaluate(
    rules: RuleSet, segments: Iterable[Segment], length_s: float, roles: Roles = ()
) -> RuleReport:
    """All that the rules find in a call of ``length_s`` seconds, by time. ``roles``: who speaks
    on each channel, where segments name no speaker."""
    evaluation = Evaluation(rules, roles)
    finds: list[Find] = []
    for segment in in_order_of_arrival(segments):
        finds += evaluation.accept(segment)
    finds += evaluation.finish(length_s)
    matches = sorted(
        (match_of(rules.rules[find.rule], find) for find in finds),
        key=lambda match: (match.start, match.end, match.category, match.rule),
    )
    hit = {match.category for match in matches}
    return RuleReport(
        tuple(category for category in rules.categories if category in hit),
        tuple(matches[:MOST_MATCHES]),
        tuple((rule.category, rule.name) for rule in evaluation.unjudged()),
        rules.fingerprint,
    )


def in_order_of_arrival(segments: Iterable[Segment]) -> Sequence[Segment]:
    """As the live pass would have had them: each when it ended."""
    return sorted(segments, key=lambda segment: (segment.end, segment.start, segment.channel))


def match_of(rule: Rule, find: Find) -> RuleMatch:
    span = find.span
    if rule.must is Must.HAVE_SAID:
        return RuleMatch(rule.category, rule.name, rule.must, span.start_s, span.end_s)
    return RuleMatch(
        rule.category,
        rule.name,
        rule.must,
        span.start_s,
        span.end_s,
        span.event,
        span.channel,
        span.words,
    )

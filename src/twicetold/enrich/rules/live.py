"""Rules during a call: each final brings the alerts that it is the reason for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from twicetold.enrich.rules.evaluation import Evaluation, Find
from twicetold.enrich.rules.listening import Roles
from twicetold.enrich.rules.model import Must, RuleSet
from twicetold.enrich.speakers.roles import LiveRoles
from twicetold.speech.transcript import Final, Segment

# Who has to say something may be in the middle of it: its final comes when the utterance ends.
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class RuleAlert:
    """``event`` and ``channel``: of the final with the words, or at which it was noticed that some
    are missing. ``at``: when they began, or were due, in seconds. ``words``: indices, first and
    last, in the words of that final; None where they are missing or the final has no word times."""

    rule: str
    category: str
    suggestion: str
    event: int
    channel: int
    at: float
    words: tuple[int, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "category": self.category,
            "suggestion": self.suggestion,
            "event": self.event,
            "channel": self.channel,
            "at": round(self.at, 3),
            "words": list(self.words) if self.words else None,
        }


class LiveRules:
    """The rules of one call. Alerts follow from the finals alone: the same finals in the same
    order give the same alerts. Memory is bounded."""

    def __init__(self, rules: RuleSet, roles: Roles = (), channels: int = 2) -> None:
        """``channels``: how many the call has. Where ``roles`` names nobody and there are several,
        one person speaks on each, and what they say tells who the agent is; on a single channel
        anybody may speak, and nobody is told apart."""
        self._rules = rules
        self._evaluation = Evaluation(rules, roles, PATIENCE_S)
        self._roles = LiveRoles() if channels > 1 and not roles else None
        self._alerted: dict[int, float] = {}  # rule: when last
        self.event = 0  # of the last final

    def accept(self, final: Final) -> list[RuleAlert]:
        """The alerts that a final brings; none for one that was accepted before."""
        if final.event <= self.event:
            return []
        self.event = final.event
        segment = Segment.from_final(final)
        if self._roles is not None and self._roles.accept(segment):
            finds = self._anew(self._roles)
        else:
            finds = self._evaluation.accept(segment)
        return [alert for find in finds if (alert := self._alert(find, final)) is not None]

    def _anew(self, roles: LiveRoles) -> list[Find]:
        """What the rules find, now that others speak than was thought: also in what was said
        before, but that what was alerted stays so."""
        self._evaluation = Evaluation(self._rules, roles.by_channel, PATIENCE_S)
        return [find for segment in roles.said for find in self._evaluation.accept(segment)]

    def _alert(self, find: Find, final: Final) -> RuleAlert | None:
        rule, span = self._rules.rules[find.rule], find.span
        if not rule.alert:
            return None
        last_s = self._alerted.get(find.rule)
        again_s = math.inf if rule.again_after_s is None else rule.again_after_s
        if last_s is not None and span.start_s - last_s < again_s:
            return None
        self._alerted[find.rule] = span.start_s
        missing = rule.must is Must.HAVE_SAID
        event, channel = (final.event, final.channel) if missing else (span.event, span.channel)
        at = (rule.name, rule.category, rule.alert, event, channel, span.start_s)
        return RuleAlert(*at, span.words)

"""Rules during a call: each final brings the alerts that it is the reason for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twicetold.enrich.rules.evaluation import Evaluation, Find
from twicetold.enrich.rules.listening import Roles
from twicetold.enrich.rules.model import Must, RuleSet
from twicetold.speech.transcript import Final, Segment

# Who has to say something may be in the middle of it: its final comes when the utterance ends.
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Alert:
    """``event``: of the final with the words, or at which it was noticed that some are missing.
    ``at``: when they began, or were due, in seconds. ``words``: indices, first and last, in the
    words of that final; None where they are missing or the final has no word times."""

    rule: str
    category: str
    suggestion: str
    event: int
    at: float
    words: tuple[int, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "category": self.category,
            "suggestion": self.suggestion,
            "event": self.event,
            "at": round(self.at, 3),
            "words": list(self.words) if self.words else None,
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Alert:
        words = body.get("words")
        return cls(
            body["rule"],
            body["category"],
            body["suggestion"],
            body["event"],
            body["at"],
            (words[0], words[1]) if words else None,
        )


class LiveRules:
    """The rules of one call. Alerts follow from the finals alone: the same finals in the same
    order give the same alerts, also over ``snapshot`` and ``restored``. Memory is bounded."""

    def __init__(self, rules: RuleSet, roles: Roles = ()) -> None:
        self._rules = rules
        self._evaluation = Evaluation(rules, roles, PATIENCE_S)
        self._alerted: dict[int, float] = {}  # rule: when last
        self._event = 0

    def accept(self, final: Final) -> list[Alert]:
        """The alerts that a final brings; none for one that was accepted before."""
        if final.event <= self._event:
            return []
        self._event = final.event
        finds = self._evaluation.accept(Segment.from_final(final))
        return [alert for find in finds if (alert := self._alert(find, final)) is not None]

    def snapshot(self) -> dict[str, Any]:
        """JSON, to go on from after the same final; it holds the last words of each speaker."""
        return {
            "rules": self._rules.fingerprint,
            "event": self._event,
            "alerted": {str(number): at for number, at in self._alerted.items()},
            "evaluation": self._evaluation.snapshot(),
        }

    @classmethod
    def restored(
        cls, rules: RuleSet, body: Mapping[str, Any] | None, roles: Roles = ()
    ) -> LiveRules:
        """Goes on where ``snapshot`` was taken; from now on where there is none or where the rules
        have changed since."""
        live = cls(rules, roles)
        if body is None:
            return live
        live._event = body["event"]
        if body["rules"] == rules.fingerprint:
            live._alerted = {int(number): at for number, at in body["alerted"].items()}
            live._evaluation.restore(body["evaluation"])
        return live

    def _alert(self, find: Find, final: Final) -> Alert | None:
        rule, span = self._rules.rules[find.rule], find.span
        if not rule.alert:
            return None
        last_s = self._alerted.get(find.rule)
        again_s = math.inf if rule.again_after_s is None else rule.again_after_s
        if last_s is not None and span.start_s - last_s < again_s:
            return None
        self._alerted[find.rule] = span.start_s
        missing = rule.must is Must.HAVE_SAID
        event = final.event if missing else span.event
        return Alert(rule.name, rule.category, rule.alert, event, span.start_s, span.words)

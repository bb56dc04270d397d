"""Rules that find something that was said."""

from __future__ import annotations

import math

from twicetold.enrich.rules.judge import LATE_S, Judge, first_key, is_other, near, reach_s
from twicetold.enrich.rules.listening import Listening, Span, kept
from twicetold.enrich.rules.model import Beside, Rule


class Presence(Judge):
    """A phrase is found, once its conditions are: some of them come after it."""

    def __init__(self, rule: Rule, listening: Listening, patience_s: float) -> None:
        super().__init__(rule, listening, patience_s)
        self.pending = kept()
        self._conditions = [n for n in ("near", "after", "before") if getattr(rule, n) is not None]

    @property
    def waits(self) -> bool:
        return bool(self.pending)

    def hear(self, spans: list[tuple[str, Span]]) -> list[Span]:
        first_s = math.inf if self.rule.first_s is None else self.rule.first_s
        new = [span for span in self.collect(spans) if span.start_s <= first_s]
        if not self._conditions and self.rule.last_s is None:
            return new
        self.pending.extend(new)
        if self.rule.last_s is not None:
            horizon_s = self.rule.last_s + LATE_S
            self.pending = kept(s for s in self.pending if not self._is_old(s, horizon_s))
            return []
        found = [span for span in self.pending if self._holds(span)]
        self.pending = kept(
            span
            for span in self.pending
            if span not in found and not self._is_old(span, self._horizon_s())
        )
        return found

    def finish(self, length_s: float) -> list[Span]:
        if self.rule.last_s is None:
            return []
        since_s = length_s - self.rule.last_s
        return [span for span in self.pending if span.end_s >= since_s and self._holds(span)]

    def _holds(self, span: Span) -> bool:
        rule = self.rule
        if rule.near is not None and not near(span, rule.near, self.heard.get("near", ())):
            return False
        if rule.after is not None and not self._follows(span, rule.after):
            return False
        return rule.before is None or any(
            span.start_s < other.start_s <= span.end_s + (rule.before.seconds or math.inf)
            for other in self.heard.get("before", ())
            if is_other(span, other, rule.before)
        )

    def _follows(self, span: Span, after: Beside) -> bool:
        earliest = self.earliest.get(first_key("after", after, span))
        others = self.heard.get("after", ()) if earliest is None else (earliest,)
        within_s = math.inf if after.seconds is None else after.seconds
        return any(
            other.start_s < span.start_s <= other.end_s + within_s
            for other in others
            if is_other(span, other, after)
        )

    def _is_old(self, span: Span, horizon_s: float) -> bool:
        return self.listening.now_s > span.end_s + horizon_s

    def _horizon_s(self) -> float:
        besides = [b for b in (self.rule.near, self.rule.before) if b is not None]
        return max(map(reach_s, besides), default=0.0) + LATE_S

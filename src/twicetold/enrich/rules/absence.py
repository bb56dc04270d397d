"""Rules that find that something was not said."""

from __future__ import annotations

import math

from twicetold.enrich.rules.judge import Judge
from twicetold.enrich.rules.listening import Listening, Span, kept
from twicetold.enrich.rules.model import Rule

_SAME_REQUEST_S = 60.0  # what asks for a phrase again so soon asks for the same one


class Absence(Judge):
    """A phrase that has to be said and is not, in its time."""

    def __init__(self, rule: Rule, listening: Listening, patience_s: float) -> None:
        super().__init__(rule, listening, patience_s)
        self.said = kept()
        self.first_said: Span | None = None
        self.requests = kept()  # of ``after``, not answered yet
        self.last_request_s: float | None = None
        self.settled = False  # there is nothing more to find

    @property
    def waits(self) -> bool:
        return bool(self.requests) or (self.rule.first_s is not None and not self.settled)

    def hear(self, spans: list[tuple[str, Span]]) -> list[Span]:
        for span in self.collect([each for each in spans if each[0] in ("spoken", "unless")]):
            self.said.append(span)
            if self.first_said is None or span.start_s < self.first_said.start_s:
                self.first_said = span
        requests = [span for span in map(self._request, self._new(spans)) if span is not None]
        if self.rule.before is not None:
            return [self._missing(s, s.start_s) for s in requests if not self._said_before(s)]
        self.requests.extend(requests)
        return self._overdue(self.listening.now_s - self.patience_s)

    def finish(self, length_s: float) -> list[Span]:
        rule = self.rule
        if self.settled or not self.listening.knows(rule.spoken.who) or rule.before is not None:
            return []
        if rule.after is not None:
            return self._overdue(math.inf, length_s)
        if rule.last_s is not None:
            said = any(span.end_s >= length_s - rule.last_s for span in self.said)
        else:
            said = self._said_first()
        return [] if said else [self._missing(None, min(length_s, rule.first_s or length_s))]

    def _new(self, spans: list[tuple[str, Span]]) -> list[Span]:
        """What asks for the phrase, among these."""
        asking = self.rule.after or self.rule.before
        return [
            span
            for name, span in spans
            if asking is not None
            and name in ("after", "before")
            and self.listening.is_by(span, asking.spoken.who)
        ]

    def _request(self, span: Span) -> Span | None:
        last_s = self.last_request_s
        if last_s is not None and span.start_s - last_s < _SAME_REQUEST_S:
            return None
        self.last_request_s = span.start_s
        return span

    def _overdue(self, until_s: float, length_s: float = math.inf) -> list[Span]:
        """What had to be said by ``until_s`` and was not."""
        rule, found = self.rule, []
        if rule.after is not None:
            within_s = rule.after.seconds or 0.0
            due = [span for span in self.requests if span.end_s + within_s < until_s]
            self.requests = kept(span for span in self.requests if span not in due)
            late = [span for span in due if not self._answered(span, within_s)]
            found = [self._missing(s, min(length_s, s.end_s + within_s)) for s in late]
        elif rule.first_s is not None and not self.settled:
            self.settled = self._said_first()
            if not self.settled and until_s > rule.first_s and self._knows():
                self.settled = True
                found = [self._missing(None, rule.first_s)]
        return found if self._knows() else []

    def _knows(self) -> bool:
        return self.listening.knows(self.rule.spoken.who)

    def _answered(self, request: Span, within_s: float) -> bool:
        until_s = request.end_s + within_s
        return any(request.start_s < span.start_s <= until_s for span in self.said)

    def _said_first(self) -> bool:
        within_s = math.inf if self.rule.first_s is None else self.rule.first_s
        return self.first_said is not None and self.first_said.start_s <= within_s

    def _said_before(self, request: Span) -> bool:
        if not self._knows():
            return True  # nobody knows who should have
        within_s = self.rule.before.seconds if self.rule.before is not None else None
        if within_s is None:
            return self.first_said is not None and self.first_said.start_s < request.start_s
        return any(span.start_s < request.start_s <= span.end_s + within_s for span in self.said)

    def _missing(self, request: Span | None, at_s: float) -> Span:
        if request is None:
            return Span("", 0, 0, at_s, at_s, 0, -1, None)
        return Span("", 0, 0, at_s, at_s, request.event, request.channel, None)

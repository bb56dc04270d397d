"""What one rule has to know of what was said before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from twicetold.enrich.rules.listening import Listening, Span, kept
from twicetold.enrich.rules.model import SAME, Beside, Rule

# A condition may come in a segment that ends, and so arrives, later than it was said.
LATE_S = 60.0
_SLOW_WORD_S = 3.0  # how long a word is waited for, where a distance is in words


class Judge:
    """What one rule still has to know."""

    def __init__(self, rule: Rule, listening: Listening, patience_s: float) -> None:
        self.rule, self.listening, self.patience_s = rule, listening, patience_s
        self.heard: dict[str, deque[Span]] = {}
        self.earliest: dict[str, Span] = {}
        self.last_end: dict[str, int] = {}  # of a stream: what overlaps is one find

    @property
    def waits(self) -> bool:
        return False

    def hear(self, spans: list[tuple[str, Span]]) -> list[Span]:
        """What is found, now that these phrases were said; with each, what it is to the rule."""
        raise NotImplementedError

    def finish(self, length_s: float) -> list[Span]:
        raise NotImplementedError

    def collect(self, spans: list[tuple[str, Span]]) -> list[Span]:
        """The spans of the rule's own phrase; the others go where they are looked up."""
        own: list[Span] = []
        for name, span in spans:
            beside: Beside | None = getattr(self.rule, name) if name != "spoken" else None
            if beside is None:
                own.append(span)
            elif self.listening.is_by(span, beside.spoken.who):
                self._shelve(name, beside, span)
        return list(self._distinct(own))

    def _shelve(self, name: str, beside: Beside, span: Span) -> None:
        """Keep it for as long as something can be beside it; of what may be anywhere, the first."""
        if beside.words is None and beside.seconds is None:
            key = first_key(name, beside, span)
            first = self.earliest.setdefault(key, span)
            if span.start_s < first.start_s:
                self.earliest[key] = span
            return
        shelf = self.heard.setdefault(name, kept())
        shelf.append(span)
        until_s = self.listening.now_s - reach_s(beside) - LATE_S
        while shelf[0].end_s < until_s:
            shelf.popleft()

    def _distinct(self, spans: list[Span]) -> Iterator[Span]:
        for span in sorted(spans, key=lambda span: (span.first, -span.end)):
            by_whom = self.listening.is_by(span, self.rule.spoken.who)
            if by_whom and span.first >= self.last_end.get(span.stream, 0):
                if self._excepted(span):
                    continue
                self.last_end[span.stream] = span.end
                yield span

    def _excepted(self, span: Span) -> bool:
        unless = self.rule.unless
        return unless is not None and near(span, unless, self.heard.get("unless", ()))


def first_key(name: str, beside: Beside, span: Span) -> str:
    """Under which the first of a condition is kept: one a speaker, where it matters who."""
    return f"{name} {span.stream}" if beside.spoken.who == SAME else name


def reach_s(beside: Beside) -> float:
    """How far away another phrase may be, in seconds at most."""
    return beside.seconds or (beside.words or 0) * _SLOW_WORD_S


def near(span: Span, beside: Beside, others: Iterable[Span]) -> bool:
    """Whether one of ``others`` is as close as ``beside`` says."""
    for other in others:
        if not is_other(span, other, beside):
            continue
        if beside.words is not None:
            words = span.words_from(other)
            if words is not None and words <= beside.words:
                return True
        elif span.seconds_from(other) <= (beside.seconds or 0.0):
            return True
    return False


def is_other(span: Span, other: Span, beside: Beside) -> bool:
    """Who says a condition is looked at when it comes; but for who says it of the same one."""
    return beside.spoken.who != SAME or span.stream == other.stream

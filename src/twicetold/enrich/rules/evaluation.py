"""One pass over a call's segments, as they come: which rules find what. Memory is bounded.

The live pass and the canonical transcript use the same evaluation: a rule means the same in both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from twicetold.enrich.rules.absence import Absence
from twicetold.enrich.rules.judge import Judge
from twicetold.enrich.rules.listening import Listening, Roles, Span
from twicetold.enrich.rules.model import Must, Rule, RuleSet
from twicetold.enrich.rules.phrases import PhraseIndex
from twicetold.enrich.rules.presence import Presence
from twicetold.speech.transcript import Segment


@dataclass(frozen=True, slots=True)
class Find:
    """A rule and what it found; an absence has no words, and its time is when it was certain."""

    rule: int
    span: Span


class Evaluation:
    """``patience_s``: how long past its time the absence of a phrase becomes certain, as who says
    it may still be speaking. Never before the end where it is infinite."""

    def __init__(self, rules: RuleSet, roles: Roles = (), patience_s: float = math.inf) -> None:
        self._rules = rules
        self._index = PhraseIndex()
        self._uses: list[tuple[int, str]] = []  # of a phrase's number: rule, what it is there
        self._judges: list[Judge] = []
        self.listening = Listening(self._index, roles)
        for number, rule in enumerate(rules.rules):
            judge = Absence if rule.must is Must.HAVE_SAID else Presence
            self._judges.append(judge(rule, self.listening, patience_s))
            self._learn(number, rule)
        # Only these have to look at the clock when nothing of theirs was said.
        self._waiting = {n for n, r in enumerate(rules.rules) if r.must is Must.HAVE_SAID}

    def _learn(self, number: int, rule: Rule) -> None:
        beside = {name: getattr(rule, name) for name in ("unless", "near", "after", "before")}
        spoken = {name: each.spoken for name, each in beside.items() if each is not None}
        for name, each in {**spoken, "spoken": rule.spoken}.items():
            self._index.add(len(self._uses), each.patterns)
            self._uses.append((number, name))

    def accept(self, segment: Segment) -> list[Find]:
        """What the rules find, now that this was said."""
        touched: dict[int, list[tuple[str, Span]]] = {}
        for phrase, span in self.listening.hear(segment):
            number, name = self._uses[phrase]
            touched.setdefault(number, []).append((name, span))
        found: list[Find] = []
        for number in sorted(touched.keys() | self._waiting):
            judge = self._judges[number]
            found += [Find(number, span) for span in judge.hear(touched.get(number, []))]
            if judge.waits:
                self._waiting.add(number)
            else:
                self._waiting.discard(number)
        return found

    def finish(self, length_s: float) -> list[Find]:
        """What is certain now that the call is over."""
        return [
            Find(number, span)
            for number, judge in enumerate(self._judges)
            for span in judge.finish(max(length_s, self.listening.now_s))
        ]

    def unjudged(self) -> list[Rule]:
        """Rules about somebody whom nothing in the call names."""
        return [rule for rule in self._rules.rules if not self.listening.knows(rule.spoken.who)]

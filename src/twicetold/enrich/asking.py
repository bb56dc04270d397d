"""Stages that ask a language model. They wait for a server and compute nothing, so that they run on
the event loop, where all others are applied in a process of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from twicetold.enrich.judging import scored
from twicetold.enrich.leads import LEAD, Rubric
from twicetold.enrich.llm import LlmClient, LlmSentiment, Spending, answers
from twicetold.enrich.metrics.stretches import speaker_of
from twicetold.enrich.sentiment import VaderJudge, judged
from twicetold.enrich.sentiment.port import Utterance
from twicetold.enrich.steps import Facts, Known
from twicetold.errors import TwicetoldError
from twicetold.speech.transcript import Segment

_VERSION = 1  # raise it with every change that asks for, or makes of it, something else


@dataclass(frozen=True, slots=True)
class Asking:
    """The model and what this call may cost there."""

    client: LlmClient
    spending: Spending

    @property
    def model(self) -> str:
        return self.client.model

    @property
    def tokens(self) -> tuple[int, int]:
        """Read and written so far by this attempt, also for what came to nothing."""
        return self.spending.tokens_in, self.spending.tokens_out

    def spent_before(self, tokens: int) -> None:
        """By earlier attempts at the call, whose budget this is."""
        self.spending.before = tokens

    @property
    def settings(self) -> str:
        asked, budget = self.client.endpoint, self.spending.budget
        return f"{_VERSION} {asked.url} {asked.model} {asked.allowed} {budget}"


@dataclass(frozen=True, slots=True)
class AskSentiment:
    """How it went, by a language model; by VADER where that fails, and the result says so."""

    asking: Asking = field(repr=False)
    roles: tuple[str, ...] = ()
    name: str = "sentiment"
    closed: bool = False

    @property
    def settings(self) -> str:
        return f"llm {self.asking.settings} {self.roles}"

    async def ask(self, known: Known, facts: Facts) -> Known:
        segments, found = await judged(
            known.segments,
            LlmSentiment(self.asking.client, self.asking.spending),
            length_s=facts.length_s,
            language=facts.language,
            roles=self.roles,
            fallback=VaderJudge(),
        )
        return Known(tuple(segments), known.insights).with_insight("sentiment", found.to_dict())

    def apply(self, known: Known, facts: Facts) -> Known:
        """Not from here. Raises RuntimeError."""
        raise RuntimeError("expected ask, which waits")


@dataclass(frozen=True, slots=True)
class AskLead:
    """The lead score, with the rubric's questions answered by a language model; without these
    answers where it fails, and the reason stands beside the score."""

    rubric: Rubric = field(repr=False)
    asking: Asking = field(repr=False)
    roles: tuple[str, ...] = ()
    name: str = LEAD
    closed: bool = False

    @property
    def settings(self) -> str:
        rubric = f"{self.rubric.fingerprint} {self.rubric.calibration}"
        return f"llm {self.asking.settings} {rubric} {self.roles}"

    async def ask(self, known: Known, facts: Facts) -> Known:
        rules = [rule for rule, _ in self.rubric.questions]
        questions = [question for _, question in self.rubric.questions]
        try:
            client, spending = self.asking.client, self.asking.spending
            said = _utterances(known.segments, self.roles)
            found = await answers(client, spending, questions, said)
        except TwicetoldError as error:
            known = scored(known, facts, self.rubric, self.roles)
            lead = {**known.insights[LEAD], "unanswered": error.code}
            return known.with_insight(LEAD, lead)
        told = {rule: each for rule, each in zip(rules, found, strict=True) if each is not None}
        return scored(known, facts, self.rubric, self.roles, told)

    def apply(self, known: Known, facts: Facts) -> Known:
        """Not from here. Raises RuntimeError."""
        raise RuntimeError("expected ask, which waits")


def _utterances(segments: Sequence[Segment], roles: tuple[str, ...]) -> list[Utterance]:
    return [Utterance(speaker_of(each, roles), each.text) for each in segments]

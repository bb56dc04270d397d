"""What one call may cost at a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twicetold.errors import LlmBudgetSpent

# A guess on the safe side, where a server does not count: Indic letters are 1 to 2 bytes a token.
_BYTES_A_TOKEN = 2.5


@dataclass(frozen=True, slots=True)
class LlmBudget:
    """Of one call."""

    requests: int = 500  # of 50 utterances each: tokens are spent before, unless none are counted
    tokens: int = 100_000


class Spending:
    """What a call has cost so far. One for each call; requests and tokens only grow."""

    def __init__(self, budget: LlmBudget) -> None:
        self.budget = budget
        self.requests = self.tokens = 0

    def reserve(self, prompt: str, most_written: int) -> None:
        """Count a request before it is sent. Raises LlmBudgetSpent where it might cost too much."""
        self.check([prompt], most_written)
        self.requests += 1

    def check(self, prompts: Sequence[str], most_written: int) -> None:
        """Whether as many requests, with answers of so many tokens in all, are within the budget.
        Raises LlmBudgetSpent: half of an answer is worth nothing, and costs as much."""
        read = sum(map(tokens_in, prompts))
        if self.requests + len(prompts) > self.budget.requests:
            raise LlmBudgetSpent(f"The call's {self.budget.requests} requests do not last.")
        if self.tokens + read + most_written > self.budget.tokens:
            raise LlmBudgetSpent(f"The call's {self.budget.tokens:,} tokens do not last.")

    def book(self, prompt: str, usage: Any, answer: str) -> None:
        """What a request did cost: as the server counts, else by the letters."""
        counted = usage if isinstance(usage, Mapping) else {}
        read = _count(counted.get("prompt_tokens"), tokens_in(prompt))
        written = _count(counted.get("completion_tokens"), tokens_in(answer))
        self.tokens += read + written


def tokens_in(text: str) -> int:
    return int(len(text.encode("utf-8", "replace")) / _BYTES_A_TOKEN) + 1


def _count(told: Any, guess: int) -> int:
    usable = isinstance(told, int) and not isinstance(told, bool) and told >= 0
    return told if usable else guess

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
    """Of one call. ``money`` in the currency of the endpoint's prices; None: not limited by it."""

    requests: int = 500  # of 50 utterances each: tokens are spent before, unless none are counted
    tokens: int = 100_000
    money: float | None = None


class Spending:
    """What a call has cost so far. One for each call; requests, tokens and money only grow.

    Prices are for a million tokens, read and written.
    """

    def __init__(
        self, budget: LlmBudget, *, price_read: float = 0.0, price_written: float = 0.0
    ) -> None:
        self.budget = budget
        self.requests = self.tokens = 0
        self.money = 0.0
        self._read, self._written = price_read / 1e6, price_written / 1e6

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
        cost = read * self._read + most_written * self._written
        if self.budget.money is not None and self.money + cost > self.budget.money:
            raise LlmBudgetSpent(f"The call's budget of {self.budget.money:g} does not last.")

    def book(self, prompt: str, usage: Any, answer: str) -> None:
        """What a request did cost: as the server counts, else by the letters."""
        counted = usage if isinstance(usage, Mapping) else {}
        read = _count(counted.get("prompt_tokens"), tokens_in(prompt))
        written = _count(counted.get("completion_tokens"), tokens_in(answer))
        self.tokens += read + written
        self.money += read * self._read + written * self._written


def tokens_in(text: str) -> int:
    return int(len(text.encode("utf-8", "replace")) / _BYTES_A_TOKEN) + 1


def _count(told: Any, guess: int) -> int:
    usable = isinstance(told, int) and not isinstance(told, bool) and told >= 0
    return told if usable else guess

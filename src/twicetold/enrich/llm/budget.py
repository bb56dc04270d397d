"""What one call may cost at a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twicetold.errors import LlmBudgetSpent

# A guess on the safe side, where a server does not count: Indic letters are 1 to 2 bytes a token.
_BYTES_A_TOKEN = 2.5
# A token is a byte at least, and what a server puts around a question is no book. One that counts
# more counts wrong, and a guess is made; also of more than a million written.
_ADDED, _MOST_WRITTEN = 100_000, 1_000_000


@dataclass(frozen=True, slots=True)
class LlmBudget:
    """Of one call."""

    requests: int = 500  # of 50 utterances each: tokens are spent before, unless none are counted
    tokens: int = 100_000


class Spending:
    """What an attempt at a call has cost so far; requests and tokens only grow. Tokens read
    (``tokens_in``) and written (``tokens_out``) are counted apart: they have different prices.
    ``before`` are tokens of earlier attempts, which the call's budget has less; what they sent of
    requests nobody knows."""

    def __init__(self, budget: LlmBudget, before: int = 0) -> None:
        self.budget, self.before = budget, before
        self.requests = self.tokens_in = self.tokens_out = 0

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.tokens_in + self.tokens_out

    def reserve(self, prompt: str, most_written: int) -> None:
        """Count a request before it is sent. Raises LlmBudgetSpent where it might cost too much."""
        self.check([prompt], most_written)
        self.requests += 1

    def check(self, prompts: Sequence[str], most_written: int) -> None:
        """Whether as many requests, with answers of so many tokens in all, are within the budget.
        Raises LlmBudgetSpent: half of an answer is worth nothing, and costs as much."""
        read = sum(map(_guessed, prompts))
        if self.requests + len(prompts) > self.budget.requests:
            raise LlmBudgetSpent(f"The call's {self.budget.requests} requests do not last.")
        if self.before + self.tokens + read + most_written > self.budget.tokens:
            raise LlmBudgetSpent(f"The call's {self.budget.tokens:,} tokens do not last.")

    def book(self, prompt: str, usage: Any, answer: str | None) -> None:
        """What a request did cost: as the server counts, else by the letters. Where ``answer`` is
        None there was none, and only what the server counted is spent."""
        counted = usage if isinstance(usage, Mapping) else {}
        guess = (0, 0) if answer is None else (_guessed(prompt), _guessed(answer))
        most = len(prompt.encode("utf-8", "replace")) + _ADDED
        self.tokens_in += _count(counted.get("prompt_tokens"), guess[0], most)
        self.tokens_out += _count(counted.get("completion_tokens"), guess[1], _MOST_WRITTEN)


def _guessed(text: str) -> int:
    return int(len(text.encode("utf-8", "replace")) / _BYTES_A_TOKEN) + 1


def _count(told: Any, guess: int, most: int) -> int:
    usable = type(told) is int and 0 <= told <= most
    return told if usable else guess

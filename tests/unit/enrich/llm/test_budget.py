"""What a call has cost at a language model: as its server counts, else by the letters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.llm import LlmBudget, Spending
from twicetold.errors import LlmBudgetSpent

pytestmark = pytest.mark.unit

PROMPT, ANSWER = "how did it go" * 20, '{"scores": []}'


def spent(usage: Any, answer: str | None = ANSWER) -> tuple[int, int]:
    spending = Spending(LlmBudget())
    spending.book(PROMPT, usage, answer)
    return spending.tokens_in, spending.tokens_out


def test_tokens_are_counted_as_the_server_does_read_and_written_apart():
    assert spent({"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 9000}) == (100, 7)


def test_what_is_not_counted_goes_by_the_letters():
    read, written = spent(None)
    assert (read, written) == (105, 6)
    assert spent({"prompt_tokens": 100}) == (100, written)
    assert spent({"completion_tokens": 7}) == (read, 7)


@pytest.mark.parametrize("told", [-5, "many", True, 1.5, 10**30, None])
def test_a_count_that_is_none_goes_by_the_letters(told):
    assert spent({"prompt_tokens": told, "completion_tokens": told}) == spent(None)


def test_without_an_answer_what_the_server_counted_is_spent_and_nothing_else():
    assert spent({"prompt_tokens": 100, "completion_tokens": 0}, None) == (100, 0)
    assert spent({"prompt_tokens": 100}, None) == (100, 0)
    assert spent({"completion_tokens": 7}, None) == (0, 7)
    for told in (None, {}, {"total_tokens": 9}, {"prompt_tokens": "many"}):
        assert spent(told, None) == (0, 0)


@given(counts=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 900)), max_size=9))
def test_a_budget_is_of_both_together(counts):
    spending = Spending(LlmBudget(tokens=20_000))
    for read, written in counts:
        spending.book(PROMPT, {"prompt_tokens": read, "completion_tokens": written}, ANSWER)
    assert spending.tokens == spending.tokens_in + spending.tokens_out
    assert spending.tokens == sum(map(sum, counts))
    left = spending.budget.tokens - spending.tokens - 105  # the prompt's
    if left >= 0:
        spending.reserve(PROMPT, left)
    with pytest.raises(LlmBudgetSpent):
        spending.reserve(PROMPT, left + 1)


def test_what_earlier_attempts_spent_is_no_longer_in_the_budget():
    spending = Spending(LlmBudget(tokens=1000), before=600)
    spending.reserve(PROMPT, 400 - 105)
    with pytest.raises(LlmBudgetSpent):
        spending.reserve(PROMPT, 400 - 104)
    spending.book(PROMPT, {"prompt_tokens": 100, "completion_tokens": 7}, ANSWER)
    assert (spending.tokens_in, spending.tokens_out) == (100, 7)  # each attempt tells its own


def test_a_server_that_counts_more_than_there_can_be_is_not_believed() -> None:
    spending = Spending(LlmBudget())
    spending.book("a short question", {"prompt_tokens": 99_999_999, "completion_tokens": 3}, "{}")
    assert spending.tokens_in < 100
    assert spending.tokens_out == 3

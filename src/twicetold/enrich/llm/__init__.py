"""A language model behind any OpenAI-compatible ``/chat/completions``: asked for JSON of a schema,
with a time limit and a budget for each call. Refused unless the tenant allows it.

What it answers is checked, and never trusted: a number out of its range is an ``LlmFailed``.
"""

from twicetold.enrich.llm.budget import LlmBudget, Spending
from twicetold.enrich.llm.client import LlmClient, LlmEndpoint
from twicetold.enrich.llm.questions import LlmAnswer, answers
from twicetold.enrich.llm.sentiment import LlmSentiment

__all__ = [
    "LlmAnswer",
    "LlmBudget",
    "LlmClient",
    "LlmEndpoint",
    "LlmSentiment",
    "Spending",
    "answers",
]

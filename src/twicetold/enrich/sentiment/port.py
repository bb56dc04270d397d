"""What judges sentiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody says in one go; redacted words are left out."""

    speaker: str
    text: str


class SentimentJudge(Protocol):
    """One per call or one for all, as its adapter says."""

    @property
    def name(self) -> str:
        """As results name it: ``vader``, ``llm:model``."""
        ...

    def speaks(self, language: str) -> bool:
        """Whether it can judge texts in ``language`` (``en``, ``en-GB``)."""
        ...

    async def scores(self, utterances: Sequence[Utterance], language: str) -> list[float | None]:
        """-1..1 for each, in their order; None where there is nothing to judge.

        All or nothing: raises a TwicetoldError where some cannot be judged.
        """
        ...

"""What passes over calls used, and what that cost: nouns of the transcript store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from twicetold.speech.identity import CallKey

ENRICHMENT = "enrichment"  # in the place of an engine, where stages after the words computed
LANGUAGE_MODEL = "llm"  # in the place of an engine, where one was asked about a call


@dataclass(frozen=True, slots=True)
class Usage:
    """What one attempt at one pass over a call used.

    ``audio_s`` is the whole call's, once the attempt has heard it to its end, else 0; it counts
    once for the call and pass, however many attempts there are. ``compute_s`` is the attempt's
    own, and may be told again as it grows, and so are ``tokens_in`` and ``tokens_out``, those
    that a language model read and wrote. ``attempt`` tells it from others; ``at`` is when it
    began, in Unix seconds. What else was at work for an attempt is a ``part`` of it.
    """

    key: CallKey
    pass_: str  # "live", "batch", "shadow batch", "shadow live"
    engine: str
    audio_s: float
    compute_s: float
    model: str = ""  # where the engine was given one
    device: str = ""  # where that is known: see EngineInfo
    attempt: str = "only"
    at: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0

    def part(self, name: str) -> Self:
        """What has a row of its own, and is no attempt by itself: nothing is in it yet."""
        return replace(
            self,
            attempt=f"{self.attempt}/{name}",
            audio_s=0.0,
            compute_s=0.0,
            tokens_in=0,
            tokens_out=0,
        )

    def by(self, label: str, device: str = "") -> Self:
        """The same, by the engine of that label; of several, by the first, which did most."""
        engine, _, model = label.split(",")[0].strip().partition(":")
        return replace(self, engine=engine, model=model.partition("?")[0], device=device)


class UsageGroup(StrEnum):
    """By what usage is added up. Days are UTC's."""

    DAY = "day"
    TENANT = "tenant"
    CALL = "call"
    PASS = "pass"
    ENGINE = "engine"
    MODEL = "model"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Whose usage, of which days: ``YYYY-MM-DD`` in UTC, both included. No tenant: everybody's."""

    tenant: str | None = None
    first_day: str = "0001-01-01"
    last_day: str = "9999-12-31"


@dataclass(frozen=True, slots=True)
class UsageLine:
    """Sums over all that has these values. ``passes``: calls whose audio is in it, each once for
    every pass; of a call that was deleted the name is "". ``attempts``: without their parts."""

    group: Mapping[UsageGroup, str]
    passes: int
    attempts: int
    audio_s: float
    compute_s: float
    cost: float
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Lines in the order of their values, the sum of all pages, and where the next one begins."""

    lines: Sequence[UsageLine]
    total: UsageLine = field(default_factory=lambda: UsageLine({}, 0, 0, 0.0, 0.0, 0.0))
    cursor: str | None = None

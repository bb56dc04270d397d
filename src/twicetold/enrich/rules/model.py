"""Phrase rules: who says what, when, near what, and not with what; or fails to say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from twicetold.enrich.rules.phrases import Pattern

ANYBODY = "any"
SAME = "same"  # of a condition: who said the phrase itself
MOST_WITHIN_S = 600.0
MOST_WITHIN_WORDS = 50
NEAR_WORDS, NOT_WORDS = 10, 5


class Must(StrEnum):
    """What a rule finds: a phrase; one that may not be said; the absence of one that has to be."""

    SAY = "say"
    NOT_SAY = "must_not_say"
    HAVE_SAID = "must_say"


@dataclass(frozen=True, slots=True)
class Spoken:
    """Any of some phrases, said by ``who``: a role, a speaker, ``channel 0``, or ``any``."""

    patterns: tuple[Pattern, ...]
    who: str = ANYBODY


@dataclass(frozen=True, slots=True)
class Beside:
    """Another phrase, and how far away: in words of one speaker, or in seconds; or anywhere."""

    spoken: Spoken
    words: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """``first_s``, ``last_s``: of the call. ``after``, ``before``: another phrase; where something
    has to be said they are what asks for it. ``alert``: what is suggested during a call."""

    category: str
    name: str
    must: Must
    spoken: Spoken
    near: Beside | None = None
    unless: Beside | None = None
    first_s: float | None = None
    last_s: float | None = None
    after: Beside | None = None
    before: Beside | None = None
    alert: str = ""
    again_after_s: float | None = None  # once in a call where it is None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """``fingerprint`` changes with whatever changes what is found."""

    rules: tuple[Rule, ...]
    fingerprint: str
    categories: tuple[str, ...]


# A tenant's phrase rules and who speaks on its channels; None where it has none of use.
RulesOf = Callable[[str], tuple[RuleSet, tuple[str, ...]] | None]

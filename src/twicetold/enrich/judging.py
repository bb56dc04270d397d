"""What is found out about a call once its words stand, each as a stage of the batch pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from twicetold.enrich.metrics import measure
from twicetold.enrich.rules import RuleSet, evaluate, parse_rules
from twicetold.enrich.steps import Facts, Known

_VERSION = 1  # raise it with every change that finds something else


@dataclass(frozen=True, slots=True)
class Measure:
    """How the conversation ran. ``roles``: who speaks on each channel, where nothing else says."""

    roles: tuple[str, ...] = ()
    name: str = "metrics"
    closed: bool = False

    @property
    def settings(self) -> str:
        return f"{_VERSION} {self.roles}"

    def apply(self, known: Known, facts: Facts) -> Known:
        measured = measure(
            known.segments, facts.length_s, roles=self.roles, language=facts.language
        )
        return known.with_insight("metrics", measured.to_dict())


@dataclass(frozen=True, slots=True)
class ApplyRules:
    """Which categories a call is of, by the phrase rules in ``text``."""

    text: str
    source: str  # what a person calls the file
    roles: tuple[str, ...] = ()
    name: str = "rules"
    closed: bool = False

    @property
    def settings(self) -> str:
        return f"{_VERSION} {self.roles} {rules_of(self.text, self.source).fingerprint}"

    def apply(self, known: Known, facts: Facts) -> Known:
        """Raises SettingError, with file, line and column."""
        rules = rules_of(self.text, self.source)
        found = evaluate(rules, known.segments, facts.length_s, self.roles)
        return known.with_insight("rules", found.to_dict())


@lru_cache(maxsize=64)
def rules_of(text: str, source: str) -> RuleSet:
    """Parsed once. Raises SettingError, with file, line and column."""
    return parse_rules(text, source)


@dataclass(frozen=True, slots=True)
class Unusable:
    """Stands for a stage whose settings are wrong: it is left out, and that is told."""

    name: str
    error: Exception
    closed: bool = False

    @property
    def settings(self) -> str:
        return str(self.error)

    def apply(self, known: Known, facts: Facts) -> Known:
        """Raises what is wrong."""
        raise self.error

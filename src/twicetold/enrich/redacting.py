"""Redaction as a stage of the batch pass."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache

from twicetold.enrich.redaction import LANGUAGES, Policy, Redactor
from twicetold.enrich.steps import Facts, Known
from twicetold.errors import RedactionUnavailable

VERSION = 1  # raise it with every change that finds other data: what was kept is then made anew


def knows(language: str) -> bool:
    """Whether there are recognisers for it."""
    return language.split("-")[0].lower() in LANGUAGES


@lru_cache(maxsize=16)
def _redactor(language: str, policy: Policy) -> Redactor:
    """Kept in the process that redacts: making one takes a second."""
    return Redactor(language, policy)


@dataclass(frozen=True, slots=True)
class Redact:
    """Removes personal data from the words; it fails closed."""

    policy: Policy
    name: str = "redact"
    closed: bool = True

    @property
    def settings(self) -> str:
        secret = hashlib.sha256(self.policy.key).hexdigest()[:16]
        return f"{VERSION} {sorted(self.policy.kinds)} {self.policy.style} {secret}"

    def apply(self, known: Known, facts: Facts) -> Known:
        """Raises RedactionUnavailable for a language that it does not know."""
        if not knows(facts.language):
            spoken = {"mul": "several languages", "auto": "a language that nobody found out"}
            told = spoken.get(facts.language, f"language {facts.language}")
            raise RedactionUnavailable(f"The call is in {told}; redaction knows {_known()}.")
        redacted = _redactor(facts.language, self.policy).redact(known.segments)
        removed = [
            {
                "kind": each.kind,
                "start": round(each.start, 3),
                "end": round(each.end, 3),
                "channel": each.channel,
                "speaker": each.speaker,
            }
            for each in redacted.removed
        ]
        segments = tuple(replace(segment, safe=True) for segment in redacted.segments)
        counts = dict(Counter(each.kind for each in redacted.removed))
        known = Known(segments, known.insights)
        return known.with_insight("removed", removed).with_insight("removed_counts", counts)


def _known() -> str:
    return ", ".join(sorted(LANGUAGES))

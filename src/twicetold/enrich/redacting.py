"""Redaction as a stage of the batch pass, and what both passes know of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from twicetold.enrich.redaction import LANGUAGES, Choice, Policy, Redactor
from twicetold.enrich.redaction.finders import finders_of
from twicetold.enrich.redaction.tagger.tagger import shipped, weights_digest
from twicetold.enrich.steps import Facts, Known
from twicetold.errors import MissingExtra, ModelMissing, RedactionUnavailable
from twicetold.speech.language import primary_language
from twicetold.speech.transcript import WITHHELD, Segment, Word

VERSION = 2  # raise it with every change that finds other data: what was kept is then made anew


def knows(language: str) -> bool:
    """Whether there are recognisers for it."""
    return primary_language(language) in LANGUAGES


@lru_cache(maxsize=16)
def _redactor(language: str, policy: Policy) -> Redactor:
    """One for all calls of a tenant."""
    return Redactor(language, policy, finders_of(policy.finders))


def load(policies: Sequence[Policy]) -> None:
    """What they need, before the first call does. Raises MissingExtra, ModelMissing."""
    shipped()
    for policy in policies:
        finders_of(policy.finders)


@dataclass(frozen=True, slots=True)
class Redact:
    """Removes personal data from the words; it fails closed."""

    policy: Policy
    name: str = "redact"
    closed: bool = True

    @property
    def settings(self) -> str:
        secret = hashlib.sha256(self.policy.key).hexdigest()[:16]
        finders = "".join(f" {name}" for name in self.policy.finders)
        version = f"{VERSION} {weights_digest()}"
        return f"{version} {sorted(self.policy.kinds)} {self.policy.style} {secret}{finders}"

    def apply(self, known: Known, facts: Facts) -> Known:
        """Raises RedactionUnavailable for a language that it does not know, and where a finder is
        missing."""
        if known.segments and not knows(facts.language):
            spoken = {"mul": "several languages", "auto": "a language that nobody found out"}
            told = spoken.get(facts.language, f"language {facts.language}")
            raise RedactionUnavailable(f"The call is in {told}; redaction knows {_known()}.")
        language = facts.language if knows(facts.language) else "en"  # of silence
        try:
            redactor = _redactor(language, self.policy)
        except (MissingExtra, ModelMissing) as error:
            raise RedactionUnavailable(f"Redaction is not whole: {error.message}") from error
        redacted = redactor.redact(known.segments)
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


def withheld(segment: Segment) -> Choice:
    """An utterance of which nothing may be shown."""
    if not segment.words:
        shown = replace(segment, text="", safe=True)
    else:
        first, last = segment.words[0].start, segment.words[-1].end
        word = Word(first, last, WITHHELD, redacted="withheld")
        shown = replace(segment, words=(word,), text=word.text, safe=True)
    return Choice(shown, shown)

"""Redaction as a stage of the batch pass, and as what the live pass asks while people speak."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from twicetold.enrich.redaction import (
    LANGUAGES,
    Context,
    Policy,
    Redactor,
    mask_partial,
    undecided_from,
)
from twicetold.enrich.redaction.finders import finders_of, know_people
from twicetold.enrich.redaction.tagger.tagger import shipped, weights_digest
from twicetold.enrich.steps import Facts, Known
from twicetold.errors import MissingExtra, ModelMissing, RedactionUnavailable
from twicetold.speech.language import primary_language
from twicetold.speech.transcript import Segment, Word, text_of

WITHHELD = Word(0.0, 0.0, "[WITHHELD]", redacted="withheld")
UNDECIDED = "number"  # of what stands for the end of an utterance that nobody went on with
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


@dataclass(frozen=True, slots=True)
class Choice:
    """One utterance as it may be shown while the call goes on. ``undecided``: its end may yet
    become personal data; ``masked`` is the utterance without that end."""

    shown: Segment
    masked: Segment
    undecided: bool = False


def choose(
    language: str, policy: Policy, before: Sequence[Segment], held: Sequence[Segment]
) -> tuple[list[Choice], Context]:
    """What may be shown of each utterance that is held, after those that were said before; and
    what the call has asked for by then. In a language without recognisers nothing may."""
    if not knows(language):
        return [withheld(each) for each in held], Context()
    redactor = _redactor(language, policy)
    together = redactor.redact([*before, *held])
    context = redactor.redact(before).context
    firsts: list[int | None] = []
    for raw in held:
        firsts.append(undecided_from(raw, context))
        context = redactor.redact([raw], context).context
    goes_on: dict[int, bool] = {}  # channels of which all that comes later is open as well
    choices: list[Choice] = []
    for index in reversed(range(len(held))):
        raw, first = held[index], firsts[index]
        safe = replace(together.segments[len(before) + index], safe=True)
        undecided = first is not None and goes_on.get(raw.channel, True)
        goes_on[raw.channel] = undecided and first == 0
        masked = safe if first is None else _without_end(raw, safe, first)
        choices.insert(0, Choice(safe, masked, undecided=undecided))
    return choices, together.context


def mask(
    language: str, policy: Policy, words: Sequence[Word], context: Context, channel: int = 0
) -> tuple[Word, ...]:
    """Words that may still change, as they may be shown. Any of them may be a name, and a model
    for names is too slow for text that changes several times a second: where there is one, none."""
    if not knows(language) or know_people(policy.finders):
        return ()
    return mask_partial(words, context, channel)


def withheld(segment: Segment) -> Choice:
    """An utterance of which nothing may be shown."""
    if not segment.words:
        shown = replace(segment, text="", safe=True)
    else:
        word = replace(WITHHELD, start=segment.words[0].start, end=segment.words[-1].end)
        shown = replace(segment, words=(word,), text=word.text, safe=True)
    return Choice(shown, shown)


def _without_end(raw: Segment, safe: Segment, first: int) -> Segment:
    """The utterance up to what is undecided, and one word that stands for that."""
    begins = raw.words[first].start
    kept = [word for word in safe.words if word.start < begins and word.end <= begins]
    label = f"[{UNDECIDED.upper()}]"
    words = (*kept, Word(begins, raw.words[-1].end, label, redacted=UNDECIDED))
    return replace(safe, words=words, text=text_of(words))

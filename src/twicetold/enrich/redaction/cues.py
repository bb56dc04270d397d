"""What a call is asking for: phrases that name a kind of personal data, and those that name
some other number."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from twicetold.enrich.redaction.cue_kinds import ANY, NOTHING, SPELLING, TAIL
from twicetold.enrich.redaction.cue_phrases import STRONG
from twicetold.enrich.redaction.cue_weak import OF_NOBODY, WEAK
from twicetold.enrich.redaction.phrases import Phrases
from twicetold.enrich.redaction.questions import kinds_asked
from twicetold.enrich.redaction.tokens import Token
from twicetold.enrich.redaction.vocabulary import words

__all__ = ["ANY", "NOTHING", "SPELLING", "TAIL", "Cue", "cues_of"]


@dataclass(frozen=True, slots=True)
class Cue:
    """A phrase from token ``first`` to before ``end``. A ``strong`` one asks for its kind by name,
    others ("card") only make it likely."""

    kind: str
    strong: bool
    first: int
    end: int


@cache
def _phrases() -> Phrases:
    phrases = Phrases()
    for strong, table in ((False, WEAK), (True, STRONG)):
        for kind, patterns in table.items():
            for pattern in patterns:
                phrases.add(pattern, (kind, strong), weight=0 if strong else -1)
    for pattern in OF_NOBODY:
        phrases.add(pattern, (NOTHING, True))
    return phrases


def cues_of(tokens: Sequence[Token]) -> list[Cue]:
    """The cues of a turn, in order."""
    said = [_bare(token.norm) for token in tokens]
    cues = [Cue(kind, strong, first, end) for first, end, (kind, strong) in _phrases().find(said)]
    if _is_security_question(said, cues) and not any(c.kind == "security_answer" for c in cues):
        cues.append(Cue("security_answer", True, len(said), len(said)))
    cues += _by_stems(said, cues)
    return cues


def _by_stems(said: Sequence[str], cues: Sequence[Cue]) -> list[Cue]:
    """Questions in other words, where no phrase names a kind or says what else it is about."""
    if any(cue.strong and cue.kind not in (ANY, TAIL, SPELLING) for cue in cues):
        return []
    kinds = kinds_asked(said)[:1]
    if kinds == [NOTHING] and cues:
        return []
    return [Cue(kind, True, len(said), len(said)) for kind in kinds]


_ABOUT_YOU = words(
    "first childhood favorite favourite oldest eldest youngest maiden mascot nickname "
    "honeymoon memorable hint spouse grandmother grandfather godmother bridesmaid wedding "
    "hero idol"
)
_OF_PAST = (("grew", "up"), ("grow", "up"), ("best", "man"), ("best", "friend"), ("middle", "name"),
            ("word", "did"), ("word", "you"), ("hint", "answer"), ("you", "meet"))  # fmt: skip


def _is_security_question(said: Sequence[str], cues: Sequence[Cue]) -> bool:
    """What banks ask: "what was your first car", "the street you grew up on"."""
    if not {"you", "your"} & set(said):
        return False
    about_you = _ABOUT_YOU
    if any(cue.strong and cue.kind and cue.end > cue.first for cue in cues):
        about_you = _ABOUT_YOU - {"first"}  # "he will call you first, which number is best"
    asking = {"what", "who", "where", "which", "name", "and", "street", "city", "answer"}
    about = bool(asking & set(said)) and bool(about_you & set(said))
    return about or any(pair in _OF_PAST for pair in itertools.pairwise(said))


def _bare(norm: str) -> str:
    """``number's`` is ``number``: what was shortened there is "is", or a genitive."""
    if len(norm) > 3 and norm[1] == ".":
        norm = norm.replace(".", "")
    return norm[:-2] if norm.endswith("'s") else norm

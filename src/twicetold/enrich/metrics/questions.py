"""How many questions are asked: by question marks, or in English by how a sentence begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from twicetold.enrich.tokens import folded
from twicetold.speech.transcript import Segment


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MARKS = re.compile(r"[?؟？՞⸮]+")
_ENDS = re.compile(r"[.!?؟。！？।՞]['\")\]]*(?:\s|$)")
# Where fewer utterances than this end with a mark, the engine writes none.
_PUNCTUATED_SHARE = 0.2

_LEAD_INS = _set("so and but okay ok well um uh er now then right alright sorry oh yeah")
_WH = _set("what who whom whose when where why how which what's who's where's how's")
_AUXILIARIES = _set(
    "am is are was were do does did have has had can could will would shall should may might "
    "must isn't aren't wasn't weren't don't doesn't didn't haven't hasn't can't couldn't "
    "won't wouldn't shouldn't"
)
_SUBJECTS = _set(
    "i you he she it we they there this that these those the a an my your his her our their "
    "anyone anybody anything someone somebody something"
)
_HOW = _set("much many long often far soon about old big come")
_ABOUT = _set("about if else time kind sort happened")


def is_punctuated(segments: Iterable[Segment]) -> bool:
    """Whether the engine writes sentence marks at all."""
    texts = [segment.text for segment in segments if segment.text.strip()]
    marked = sum(_ENDS.search(text) is not None for text in texts)
    return bool(texts) and marked >= _PUNCTUATED_SHARE * len(texts)


def questions_of(text: str, *, punctuated: bool) -> int:
    """Questions in one utterance."""
    return len(_MARKS.findall(text)) if punctuated else int(begins_as_question(folded(text)))


def begins_as_question(words: Sequence[str]) -> bool:
    """Whether English words begin with a question word or with subject and auxiliary inverted."""
    at = 0
    while at < len(words) - 1 and words[at] in _LEAD_INS:
        at += 1
    first, rest = (words[at], words[at + 1 :]) if at < len(words) else ("", ())
    if first in _AUXILIARIES:
        return bool(rest) and rest[0] in _SUBJECTS
    if first not in _WH or not rest:
        return first in _WH
    if "'" in first or len(rest) == 1:
        return True
    known = _HOW if first == "how" else _ABOUT if first == "what" else frozenset[str]()
    return rest[0] in known or any(_inverted(rest, place) for place in range(3))


def _inverted(words: Sequence[str], at: int) -> bool:
    """An auxiliary, and not behind a subject: "what time is it", but not "when I was there"."""
    if at >= len(words) or words[at] not in _AUXILIARIES:
        return False
    return not any(word in _SUBJECTS for word in words[:at])

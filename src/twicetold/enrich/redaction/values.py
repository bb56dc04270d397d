"""Where a value in words begins and ends: a password, a user name, an answer."""

from __future__ import annotations

from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Turn
from twicetold.enrich.redaction.vocabulary import FILLERS, STOP, words

_MOST_WORDS = {"password": 16, "security_answer": 9, "username": 12}
COPULAS = words("is was be it's its that's thats as equals called named are were")
_INSIDE = words("of the and at in to for from my me you i a")
DATED = (Sort.ORDINAL, Sort.MONTH, Sort.DATE, Sort.EMAIL)
NO_ANSWER = words(
    "stuck "
    "name number code question answer working work wrong incorrect expired locked forgotten "
    "reset required protected correct right not invalid changed needed different case "
    "sensitive still blocked hacked missing too long unknown gone being rejected compromised "
    "set sure going hold bear forgot remember"
)
_OF_WRITING = words("characters letters digits")
TRAILING = FILLERS | words("please thanks thank lowercase uppercase now")


def value_at(turn: Turn, start: int, kind: str) -> tuple[int, int] | None:
    """From there to where the value ends."""
    tokens = turn.tokens
    while start < len(tokens) and leads(turn, start):
        start += 1
    last = start - 1
    for at in range(start, min(len(tokens), start + _MOST_WORDS[kind])):
        if not _goes_on(turn, at, start):
            break
        last = at
        ended = tokens[at].ends or (tokens[at].pauses and not in_run(turn, at + 1))
        if ended and not in_run(turn, at):
            break
        if tokens[at].ends:
            break
    while last >= start and tokens[last].norm in TRAILING | _INSIDE and not in_run(turn, last):
        last -= 1
    if last < start or tokens[start].norm in NO_ANSWER:
        return None
    if last == start and last + 1 < len(tokens) and tokens[last + 1].norm in ("it", "again"):
        return None  # "try it", "clear it"
    if {token.norm for token in tokens[start : last + 1]} & _OF_WRITING:
        return None  # at least eight characters, the third and fifth letters
    return (start, last)


def leads(turn: Turn, at: int) -> bool:
    """What stands before a value and is no part of it."""
    token = turn.tokens[at]
    if in_run(turn, at):
        return False
    return (
        token.norm in FILLERS
        or token.norm in COPULAS
        or token.norm in ("the", "a", "just", "all", "probably")
    )


def _goes_on(turn: Turn, at: int, start: int) -> bool:
    token = turn.tokens[at]
    if at > start and in_cue(turn, at) and not in_run(turn, at):
        return False
    if in_run(turn, at) or token.sort is Sort.SYMBOL or token.sort is Sort.PART:
        return True
    if token.sort in DATED and turn.tokens[start].sort not in DATED:
        return False
    if token.sort is Sort.REDACTED or token.norm in TRAILING - {"and"}:
        return token.norm in ("um", "uh", "er")
    if token.norm in STOP:
        inside = token.norm in _INSIDE and at > start and at + 1 < len(turn.tokens)
        return inside and turn.tokens[at + 1].norm not in STOP
    return True


def in_run(turn: Turn, at: int) -> bool:
    return turn.run_at(at) is not None


def in_cue(turn: Turn, at: int) -> bool:
    return any(cue.first <= at < cue.end and cue.kind for cue in turn.cues)

"""Data that are words: passwords, user names, answers to security questions."""

from __future__ import annotations

from collections.abc import Sequence

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Mark, Turn, glue_only, is_glue, text_between
from twicetold.enrich.redaction.vocabulary import FILLERS, STOP, words

_KINDS = ("password", "security_answer", "username")
_MOST_WORDS = {"password": 16, "security_answer": 4, "username": 12}
_COPULAS = words("is was be it's its that's thats as equals called named are were")
_QUESTIONS = words("what which who where when why how whose can could would do does did is are")
_INSIDE = words("of the and at in to for my me you i a")
_NO_ANSWER = words(
    "working work wrong incorrect expired locked forgotten reset required protected correct "
    "right not invalid changed needed different case sensitive still blocked hacked missing "
    "too long unknown gone being rejected compromised set sure going hold bear forgot "
    "remember"
)
_QUESTIONED = frozenset({"reset", "change", "changed", "forgot", "forgotten", "update", "new"})
_TRAILING = FILLERS | words("please thanks thank lowercase uppercase now")


def answers_in(turn: Turn, context: Context) -> list[Mark]:
    """The passwords, user names and security answers of a turn."""
    marks = [mark for cue_mark in _announced(turn) for mark in cue_mark]
    if marks:
        return marks
    asked = context.expects(*_KINDS)
    strong = [a for a in context.asked if a.strong]
    if asked is None or strong.index(asked) > 1 or turn.is_backchannel:
        return []
    if asked.found and not (turn.corrects or turn.is_answer):
        return []
    if _is_question(turn) or any(
        cue.strong and cue.kind not in ("", asked.kind, "any") for cue in turn.cues
    ):
        return []
    if asked.age > 4:
        return []
    if not asked.may_answer(turn.party):
        return []
    span = _answer(turn, asked.kind) or _at_the_end(turn, asked.kind)
    return [_mark(turn, span, asked.kind)] if span else []


def _mark(turn: Turn, span: tuple[int, int], kind: str) -> Mark:
    return Mark(turn.index, *span, kind, text_between(turn.tokens, *span))


def _announced(turn: Turn) -> list[list[Mark]]:
    """``my password is blue dragon``: what follows the copula after the phrase."""
    found = []
    for cue in turn.cues:
        if cue.kind not in _KINDS or not cue.strong:
            continue
        start = _after_copula(turn.tokens, cue.end, cue.first)
        if start is None:
            continue
        span = _value(turn, start, cue.kind)
        if span is not None:
            found.append([_mark(turn, span, cue.kind)])
    return found


def _after_copula(tokens: Sequence[Token], end: int, first: int) -> int | None:
    if first and tokens[first - 1].norm in ("is", "what's", "was", "what"):
        return None  # a question: what is your password
    if tokens[end - 1].norm.endswith("'s") or tokens[end - 1].raw.endswith(":"):
        return end
    if tokens[end - 1].norm in _COPULAS:
        return end
    for at in range(end, min(end + 7, len(tokens))):
        if tokens[at].norm in _COPULAS:
            return at + 1
        if tokens[at].ends or not (
            tokens[at].norm in STOP or tokens[at].norm in FILLERS or at < end + 4
        ):
            return None
    follows = tokens[end].sort if end < len(tokens) else None
    return end if follows in (Sort.CODE, Sort.LETTER) else None


def _value(turn: Turn, start: int, kind: str) -> tuple[int, int] | None:
    """From there to where the value ends."""
    tokens = turn.tokens
    while start < len(tokens) and _leads(turn, start):
        start += 1
    last = start - 1
    for at in range(start, min(len(tokens), start + _MOST_WORDS[kind])):
        if not _goes_on(turn, at, start):
            break
        last = at
        ended = tokens[at].ends or (tokens[at].pauses and not _in_run(turn, at + 1))
        if ended and not _in_run(turn, at):
            break
        if tokens[at].ends:
            break
    while last >= start and tokens[last].norm in _TRAILING | _INSIDE and not _in_run(turn, last):
        last -= 1
    if last < start or tokens[start].norm in _NO_ANSWER:
        return None
    return (start, last)


def _leads(turn: Turn, at: int) -> bool:
    """What stands before a value and is no part of it."""
    token = turn.tokens[at]
    if _in_run(turn, at):
        return False
    return (
        token.norm in FILLERS
        or token.norm in _COPULAS
        or token.norm in ("the", "a", "just", "all", "probably")
    )


def _goes_on(turn: Turn, at: int, start: int) -> bool:
    token = turn.tokens[at]
    if _in_run(turn, at) or token.sort is Sort.SYMBOL or token.sort is Sort.PART:
        return True
    if token.sort is Sort.REDACTED or token.norm in _TRAILING - {"and"}:
        return token.norm in ("um", "uh", "er")
    if token.norm in STOP:
        inside = token.norm in _INSIDE and at > start and at + 1 < len(turn.tokens)
        return inside and turn.tokens[at + 1].norm not in STOP
    return True


def _in_run(turn: Turn, at: int) -> bool:
    return any(run.first <= at <= run.last for run in turn.runs)


def _answer(turn: Turn, kind: str) -> tuple[int, int] | None:
    """What a turn answers, where all of it is the answer or a copula leads to it."""
    tokens = turn.tokens
    start = 0
    for at, token in enumerate(tokens[:10]):
        if token.norm in _COPULAS and token.norm != "as":
            start = at + 1
        elif not (token.norm in STOP or is_glue(token) or _in_cue(turn, at)):
            break
    while (
        start < len(tokens)
        and not _in_run(turn, start)
        and (
            is_glue(tokens[start])
            or _in_cue(turn, start)
            or tokens[start].norm in ("my", "the", "a", "i", "think")
        )
    ):
        start += 1
    if start < len(tokens) and tokens[start].norm in STOP and not _in_run(turn, start):
        return None
    span = _value(turn, start, kind)
    if span is None:
        return None
    rest = [t for t in tokens[span[1] + 1 :] if not (is_glue(t) or t.norm in STOP)]
    led = start and tokens[start - 1].norm in _COPULAS
    return span if led or len(rest) <= 2 else None


def _at_the_end(turn: Turn, kind: str) -> tuple[int, int] | None:
    """``i can tell you the whole thing it's purple elephant``: behind the last "it's"."""
    for at in range(len(turn.tokens) - 1, 0, -1):
        if (
            turn.tokens[at - 1].norm in ("it's", "its", "is", "was", "that's")
            and not turn.tokens[at - 1].ends
        ):
            if turn.tokens[at].norm in STOP or turn.tokens[at].norm in _NO_ANSWER:
                return None
            span = _value(turn, at, kind)
            return span if span and glue_only(turn.tokens, span[1] + 1, len(turn.tokens)) else None
    return None


def _in_cue(turn: Turn, at: int) -> bool:
    return any(cue.first <= at < cue.end and cue.kind for cue in turn.cues)


def _is_question(turn: Turn) -> bool:
    words = [t.norm for t in turn.tokens if t.norm not in FILLERS]
    if turn.tokens and "?" in turn.tokens[-1].raw and not turn.corrects:
        return True
    return bool(words) and words[0] in _QUESTIONS and len(words) > 2

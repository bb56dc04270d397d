"""Data that are words: passwords, user names, answers to security questions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.cues import ANY, SPELLING, TAIL, Cue
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Mark, Turn, glue_only, is_glue, text_between
from twicetold.enrich.redaction.values import (
    COPULAS,
    DATED,
    NO_ANSWER,
    TRAILING,
    in_cue,
    in_run,
    leads,
    value_at,
)
from twicetold.enrich.redaction.vocabulary import FILLERS, STOP, words

_KINDS = ("password", "security_answer", "username")
_AGES = words("child kid boy girl baby student teenager youngster")
_QUESTIONS = words("what which who where when why how whose can could would do does did is are")
# Letters, digits and a sign among them: nothing that is spoken of but a password.
_MIXED = re.compile(r"(?=.*[A-Za-z])(?=.*\d)([\w]+[#@!$%&*^][\w]+|[A-Z][a-z]{3,}\d{2,}!)[.,!?]?")
_ONE_WORD = words("all one word lowercase it's its so")
_LEADING = words("is was be it's its that's thats called named were to")
_QUESTIONED = frozenset({"reset", "change", "changed", "forgot", "forgotten", "update", "new"})


def answers_in(turn: Turn, context: Context) -> list[Mark]:
    """The passwords, user names and security answers of a turn."""
    marks = _announced(turn) + _handles(turn, context) + _named_after(turn)
    if marks:
        return marks
    asked = context.expects(*_KINDS)
    if asked is not None and not (asked.request or asked.mine):
        return []
    strong = [a for a in context.asked if a.strong and a.kind not in (SPELLING, ANY, TAIL)]
    together = asked is not None and bool(strong) and strong[0].fresh == asked.fresh
    if asked is None or not together or turn.is_backchannel:
        return []
    again = turn.corrects or context.rejected or (turn.is_answer and context.open)
    if asked.found and not again:
        return []
    if _is_question(turn) or any(
        cue.strong and cue.kind not in ("", asked.kind, "any") for cue in turn.cues
    ):
        return []
    if asked.age > 4:
        return []
    if not asked.may_answer(turn.party):
        return []
    span = _answer(turn, asked.kind) or _at_the_end(turn, asked.kind) or _in_front(turn, asked.kind)
    if asked.kind == "security_answer" or (asked.kind == "username" and span and not asked.fresh):
        span = _whole(turn, span)
    return [_mark(turn, each, asked.kind) for each in _and_others(turn, span, asked.kind)]


def _and_others(turn: Turn, span: tuple[int, int] | None, kind: str) -> Iterator[tuple[int, int]]:
    """A value, and others behind "or" and "not": "ann marie not anne marie"."""
    while span is not None:
        yield span
        at = span[1] + 1
        if at >= len(turn.tokens) or turn.tokens[at].norm not in ("or", "not", "instead"):
            return
        span = value_at(turn, at + (2 if turn.tokens[at].norm == "instead" else 1), kind)


def _handles(turn: Turn, context: Context) -> list[Mark]:
    """User names by their written form; those with a dot alone only where one is spoken of."""
    spoken = any(c.kind == "username" for c in turn.cues) or context.expects("username")
    marks = []
    for at, token in enumerate(turn.tokens):
        dotted = token.sort is Sort.WORD and re.fullmatch(r"[a-z][\w-]+(\.[\w-]+)+", token.norm)
        if token.sort is Sort.CODE and any(c.kind == "password" and c.strong for c in turn.cues):
            marks.append(_mark(turn, (at, at), "password"))
            continue
        if token.sort is Sort.CODE and any(
            r.first <= at <= r.last and r.last > r.first for r in turn.runs
        ):
            continue  # a part of something longer
        if _MIXED.fullmatch(token.raw):
            marks.append(_mark(turn, (at, at), "password"))
            continue
        camel = re.search(r"[a-z][A-Z]", token.raw) and token.norm.isalpha()
        plain = re.fullmatch(r"[a-z]{4,}\d{1,4}", token.raw.rstrip(".,;:!?"))
        if (
            token.sort is Sort.HANDLE
            or plain
            or (spoken and (dotted or camel or token.sort is Sort.CODE))
        ):
            marks.append(_mark(turn, (at, at), "username"))
    return marks


def _mark(turn: Turn, span: tuple[int, int], kind: str) -> Mark:
    return Mark(turn.index, *span, kind, text_between(turn.tokens, *span))


def _announced(turn: Turn) -> list[Mark]:
    """``my password is blue dragon``: what follows the copula after the phrase."""
    found = []
    for cue in turn.cues:
        if cue.kind not in _KINDS or not cue.strong:
            continue
        start = _after_copula(turn.tokens, cue.end, cue.first)
        span = _bare(turn, cue) if start is None else value_at(turn, start, cue.kind)
        if span is None and not _is_question(turn) and cue.end < len(turn.tokens):
            span = _at_the_end(turn, cue.kind)
            span = span if span and span[0] > cue.end else None
        found += [_mark(turn, each, cue.kind) for each in _and_others(turn, span, cue.kind)]
    return found


def _named_after(turn: Turn) -> list[Mark]:
    """``blue dragon is what i use for a password``: what begins the turn, before "is"."""
    cue = next((c for c in turn.cues if c.kind in _KINDS and c.strong), None)
    said_last = (
        cue is not None and cue.first > 2 and turn.tokens[cue.first - 1].norm in ("my", "the")
    )
    if cue is not None and said_last and turn.tokens[cue.first - 2].norm in ("that's", "is"):
        start = 0
        while start < cue.first and (leads(turn, start) or turn.tokens[start].norm in _ONE_WORD):
            start += 1
        value = value_at(turn, start, cue.kind)
        if value and value[1] < cue.first - 1:
            return [_mark(turn, value, cue.kind)]
    put = [at for at, t in enumerate(turn.tokens[:8]) if t.norm in ("put", "used", "chose")]
    if cue is not None and put and cue.first > put[0]:
        value = value_at(turn, put[0] + 1, cue.kind)
        behind = turn.tokens[value[1] + 1 : cue.first] if value else []
        if value and behind and behind[0].norm in ("for", "as"):
            return [_mark(turn, value, cue.kind)]
    at = next((at for at, t in enumerate(turn.tokens[:7]) if t.norm in ("is", "was")), 0)
    if cue is None or not 0 < at < cue.first:
        return []
    start = 0
    while start < at and is_glue(turn.tokens[start]):
        start += 1
    said = turn.tokens[start:at]
    if not said or any(t.norm in STOP for t in said) or any(c.first < at for c in turn.cues):
        return []
    return [_mark(turn, (start, at - 1), cue.kind)]


def _bare(turn: Turn, cue: Cue) -> tuple[int, int] | None:
    """``username jay dot kay 3 3``: right behind the word, with a digit or a sign in it."""
    span = value_at(turn, cue.end, cue.kind)
    if span is None or span[0] != cue.end or span[1] - span[0] > 6:
        return None
    said = turn.tokens[span[0] : span[1] + 1]
    telling = any(t.sort in (Sort.SYMBOL, Sort.DIGITS, Sort.NUMBER, Sort.LETTER) for t in said)
    return span if telling and said[0].norm not in _QUESTIONED else None


def _after_copula(tokens: Sequence[Token], end: int, first: int) -> int | None:
    if first and tokens[first - 1].norm in ("is", "what's", "was", "what"):
        return None  # a question: what is your password
    if tokens[end - 1].norm.endswith("'s") or tokens[end - 1].raw.endswith(":"):
        return end
    if tokens[end - 1].norm in COPULAS | {"with", "under", "to"}:
        return end
    for at in range(end, min(end + 7, len(tokens))):
        if tokens[at].norm == "as" and {t.norm for t in tokens[at + 1 : at + 3]} & _AGES:
            return None  # the street you lived on as a child
        if tokens[at].norm in COPULAS:
            placed = at + 1 < len(tokens) and tokens[at + 1].norm in ("on", "in", "at", "under")
            return None if placed else at + 1
        if tokens[at].ends or not (
            tokens[at].norm in STOP or tokens[at].norm in FILLERS or at < end + 4
        ):
            return None
    follows = tokens[end].sort if end < len(tokens) else None
    return end if follows in (Sort.CODE, Sort.LETTER) else None


def _answer(turn: Turn, kind: str) -> tuple[int, int] | None:
    """What a turn answers, where all of it is the answer or a copula leads to it."""
    tokens = turn.tokens
    led = [at + 1 for at, t in enumerate(tokens[:10]) if t.norm in _LEADING and not t.ends]
    start = next((s for s in reversed(led) if _begins(turn, s, kind)), None)
    if start is None:
        start = _skipped(turn, 0)
    if start < len(tokens) and tokens[start].norm in STOP and not in_run(turn, start):
        return None
    span = value_at(turn, start, kind)
    if span is None:
        return None
    end = list(_and_others(turn, span, kind))[-1][1]
    if tokens[end].ends:
        return span
    rest = [
        t
        for at, t in enumerate(tokens[end + 1 :], end + 1)
        if not (is_glue(t) or t.norm in STOP or t.sort in DATED or in_run(turn, at))
    ]
    return span if start in led or len(rest) <= 2 else None


_HESITATING = words("um uh er erm oh ah well so yeah yes yep it's its that's thats is was")
_SPEAKING = words(
    "i i'm i'll i've i'd we we're you you're he she they don't can't didn't haven't let what which "
    "who where why how do did can could would will"
)


def _in_front(turn: Turn, kind: str) -> tuple[int, int] | None:
    """``barry from accounts i swear``: what begins the turn, before somebody speaks of it."""
    if kind != "security_answer":
        return None
    start = _skipped(turn, 0)
    value = value_at(turn, start, kind)
    if value is None or turn.tokens[start].norm in _SPEAKING | STOP or value[1] - value[0] > 4:
        return None
    return value


def _whole(turn: Turn, span: tuple[int, int] | None) -> tuple[int, int] | None:
    """All of a short turn in which nobody says "I" or asks: "the good the bad and the ugly"."""
    tokens, start, end = turn.tokens, 0, len(turn.tokens)
    while start < end and (tokens[start].norm in _HESITATING):
        start += 1
    said = tokens[start:end]
    speaks = any(t.norm in _SPEAKING | NO_ANSWER for t in said)
    short = 2 <= len(said) <= 7 and not any(token.ends for token in said[:-1])
    if not short or speaks or (span is None and all(t.norm in STOP for t in said)):
        return span
    names = [t for t in said if t.norm not in STOP and not is_glue(t)]
    while end > start and tokens[end - 1].norm in TRAILING:
        end -= 1
    return (start, end - 1) if names and end > start else span


def _begins(turn: Turn, start: int, kind: str) -> bool:
    """Whether a value can begin behind a copula."""
    at = _skipped(turn, start)
    if at >= len(turn.tokens) or (turn.tokens[at].norm in STOP and not in_run(turn, at)):
        return False
    return value_at(turn, at, kind) is not None


def _skipped(turn: Turn, start: int) -> int:
    """Past what leads to a value: "um", "my", "i think", the words of the question."""
    tokens = turn.tokens
    while start < len(tokens) and not in_run(turn, start):
        leads = is_glue(tokens[start]) or in_cue(turn, start)
        if not (leads or tokens[start].norm in ("my", "the", "a", "i", "think")):
            break
        start += 1
    return start


def _at_the_end(turn: Turn, kind: str) -> tuple[int, int] | None:
    """``i can tell you the whole thing it's purple elephant``: behind the last "it's"."""
    for at in range(len(turn.tokens) - 1, 0, -1):
        if (
            turn.tokens[at - 1].norm in ("it's", "its", "is", "was", "that's", "that'd", "be")
            or [t.norm for t in turn.tokens[max(0, at - 2) : at]] == ["is", "it"]
        ) and not (turn.tokens[at - 1].ends):
            if turn.tokens[at].norm in STOP or turn.tokens[at].norm in NO_ANSWER:
                return None
            span = value_at(turn, at, kind)
            return span if span and glue_only(turn.tokens, span[1] + 1, len(turn.tokens)) else None
    return None


def _is_question(turn: Turn) -> bool:
    words = [t.norm for t in turn.tokens if t.norm not in FILLERS]
    if len(words) > 3 and "?" in turn.tokens[-1].raw and not turn.corrects:
        return True
    unsure = words[:2] in (["would", "be"], ["could", "be"], ["might", "be"])  # "it" is a filler
    return bool(words) and words[0] in _QUESTIONS and len(words) > 2 and not unsure

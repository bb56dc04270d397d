"""The last resort: a short turn behind a question for a kind, of which nothing was found.

It is taken for the answer if it holds what such a kind is made of and nobody speaks of anything
else in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from twicetold.enrich.redaction.context import Asked, Context
from twicetold.enrich.redaction.cues import ANY, NOTHING, SPELLING, TAIL
from twicetold.enrich.redaction.guards import guard_of
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Mark, Turn, is_glue, text_between
from twicetold.enrich.redaction.vocabulary import HOMOPHONES, STOP, UNITS, words

_WORDED = frozenset({"username", "security_answer", "password", "address"})
_DATED = frozenset({"date_of_birth", "card_expiry"})
_MOST = 10
_SPEAKING = words(
    "i i'm i'll i've i'd he she they you you're we we're let what which who where why how don't "
    "can't haven't hasn't didn't won't isn't not none nothing same already another never yes no "
    "nope sure maybe both neither either depends whichever anything"
)
_NO_VALUES = words(
    "it them that this try trying tried clear cleared click clicked press pressed expire expired "
    "odd weird strange funny mate pal love dear bought sold done working worked cheers lovely "
    "great fine good bad open opened close closed come came put gone went using used start stop "
    "wait really ha wow loading error says said showing free busy ideal perfect brilliant is was "
    "because when before after until since about please thanks "
    "hold bear checking looking ready remember forgot forgotten sec second moment minute seconds "
    "minutes card phone email number name address code password birthday work home online later "
    "tomorrow today yesterday morning nothing mine old new one two letters correct right wrong"
)


def answer_to(turn: Turn, context: Context) -> list[Mark]:
    """The turn, if all of it is what the newest question wants."""
    asked = _question(turn, context)
    if asked is None or turn.is_backchannel or turn.tokens[-1].raw.endswith("?"):
        return []
    end = _end(turn) if asked.kind in _WORDED else len(turn.tokens)
    content = [at for at in range(end) if _is_content(turn, at, turn.tokens[at])]
    if not content or content[-1] - content[0] >= _MOST or _speaks(turn, asked, end):
        return []
    if any(guard_of(turn.tokens, run) not in ("", "count") for run in turn.runs):
        return []
    if asked.kind not in _WORDED and sum(_is_plain(turn, at) for at in content) > 1:
        return []
    if not any(_is_made_of(asked.kind, turn, at) for at in content):
        return []
    first, last = content[0], content[-1]
    text = text_between(turn.tokens, first, last)
    return [Mark(turn.index, first, last, asked.kind, text)]


def _question(turn: Turn, context: Context) -> Asked | None:
    if not context.asked or any(cue.strong for cue in turn.cues):
        return None
    newest = context.asked[0]
    plain = newest.kind not in (NOTHING, ANY, TAIL, SPELLING, "email", "name")
    fits = newest.strong and newest.request and newest.fresh == 1 and not newest.stale
    return newest if plain and fits and newest.may_answer(turn.party) else None


def _is_content(turn: Turn, at: int, token: Token) -> bool:
    if turn.run_at(at) is not None:
        return True
    return token.norm in HOMOPHONES or not (is_glue(token) or token.norm in STOP)


def _end(turn: Turn) -> int:
    """Where the answer ends and talk about it begins: "barry from accounts | i swear"."""
    for at in range(2, len(turn.tokens)):
        if turn.tokens[at].norm in _SPEAKING or turn.tokens[at - 1].ends:
            return at
    return len(turn.tokens)


def _speaks(turn: Turn, asked: Asked, end: int) -> bool:
    said = {token.norm for token in turn.tokens[:end]}
    if asked.kind in _WORDED:
        return bool(said & _SPEAKING) or bool(said & _NO_VALUES)
    return bool(said & _SPEAKING - {"yes", "no"})


def _is_plain(turn: Turn, at: int) -> bool:
    """Whether a word stands there that dictates nothing."""
    token = turn.tokens[at]
    inside = turn.run_at(at) is not None
    return token.sort is Sort.WORD and not inside and token.norm not in HOMOPHONES


def _is_made_of(kind: str, turn: Turn, at: int) -> bool:
    token = turn.tokens[at]
    run = turn.run_at(at)
    if kind in _WORDED:
        return token.sort is Sort.WORD
    if kind in _DATED:
        relative = any(t.norm in ("next", "this") for t in turn.tokens)
        dated = (
            relative
            + sum(t.sort in (Sort.MONTH, Sort.ORDINAL) for t in turn.tokens)
            + len(turn.runs)
        )
        return token.sort is Sort.DATE or (token.sort is Sort.MONTH and dated > 1)
    return len(list(_digits(turn))) >= 3 and (run is None or not guard_of(turn.tokens, run))


def _digits(turn: Turn) -> Iterator[Token]:
    """What can be a digit, one by one."""
    for token in turn.tokens:
        if token.norm in UNITS or token.norm in HOMOPHONES or token.sort is Sort.DIGITS:
            yield token

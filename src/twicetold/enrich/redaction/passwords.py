"""Passwords by what they are made of: a word, digits and a sign that nobody speaks of otherwise."""

from __future__ import annotations

from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn, text_between
from twicetold.enrich.redaction.vocabulary import FILLERS, STOP, words

_SIGNS = {
    "exclamation": words("mark point"),
    "dollar": words("sign"),
    "percent": words("sign"),
    "hash": words("sign symbol key"),
    "star": words("sign symbol"),
    "at": words("sign symbol"),
    "ampersand": words("sign"),
    "asterisk": words("sign"),
    "question": words("mark"),
}
_ALONE = words("exclamation ampersand asterisk")
_BETWEEN = words("then a and with capital the one word all lowercase uppercase small big")
_MOST = 12


def secrets_in(turn: Turn) -> list[Mark]:
    """``bluebird seven seven exclamation mark``: from the word to the sign."""
    marks = []
    for at in range(1, len(turn.tokens)):
        last = _sign(turn, at)
        first = _start(turn, at) if last is not None else None
        if first is not None and last is not None:
            text = text_between(turn.tokens, first, last)
            marks.append(Mark(turn.index, first, last, "password", text))
    return marks


def _sign(turn: Turn, at: int) -> int | None:
    """The last token of a sign that is spoken there."""
    norm = turn.tokens[at].norm
    if norm not in _SIGNS:
        return None
    following = turn.tokens[at + 1].norm if at + 1 < len(turn.tokens) else ""
    if following in _SIGNS[norm]:
        return at + 1
    counted = turn.tokens[at - 1].norm == "a" and turn.tokens[at - 2].norm in ("then", "and")
    return at if norm in _ALONE or (counted and norm != "at" and at > 2) else None


def _start(turn: Turn, sign: int) -> int | None:
    """Where what ends with a sign begins: digits before it, and words before those."""
    tokens, at, digits, plain = turn.tokens, sign - 1, False, 0
    first = sign
    while at >= 0 and sign - at <= _MOST and not tokens[at].ends:
        run = turn.run_at(at)
        if run is not None:
            digits, at, first = digits or run.digits > 0, run.first - 1, run.first
            continue
        token = tokens[at]
        if token.sort is Sort.WORD and token.norm not in STOP | FILLERS | _BETWEEN:
            plain += 1
            if plain > 2:
                break
            first = at
        elif token.norm not in _BETWEEN and token.sort is not Sort.SYMBOL:
            break
        at -= 1
    return first if digits else None

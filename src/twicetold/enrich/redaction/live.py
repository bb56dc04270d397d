"""Redaction while people speak: what to hold back, and what to hide in unsettled text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import EllipsisType

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.guards import guard_of
from twicetold.enrich.redaction.policy import MASK
from twicetold.enrich.redaction.redactor import marks_of, party_of
from twicetold.enrich.redaction.tagger.tagger import Tagger
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn, glue_only, turn_of
from twicetold.speech.transcript import Segment

_SIGNS = frozenset({"dot", "at", "underscore", "dash", "hyphen"})
_NEAR_END = 3  # words behind a number that may still become a street
_HIDDEN = (Sort.EMAIL, Sort.IP, Sort.DATE, Sort.CODE, Sort.DIGITS)


def undecided_from(segment: Segment, context: Context) -> int | None:
    """The word from which on a turn may still become personal data, by what is said next; None
    where it may be shown as `Redactor.redact` leaves it.

    That is a run at its end that nothing has claimed yet ("four four two one", before "is my
    pin"), or the beginning of an address ("j dot doe at", "forty two garden"). What is surely
    removed need not wait, and a turn that ends in "my number is" has nothing in it to hide.
    """
    known = context.copy()
    turn = _turn(segment, known)
    # The rules alone: what the tagger takes of a beginning is not all that there will be.
    marks = marks_of([turn], known, tagger=None)
    removed = {at for m in marks for at in range(m.first, m.last + 1)}
    places = [_open_run(turn, removed), _open_sign(turn, removed)]
    open_at = [place for place in places if place is not None]
    return turn.tokens[min(open_at)].word if open_at else None


def _open_run(turn: Turn, removed: set[int]) -> int | None:
    """The first token of the last runs, joined by nothing but agreement."""
    end, first = len(turn.tokens), None
    for run in reversed(turn.runs):
        to_end = end - run.last - 1
        guard = guard_of(turn.tokens, run)
        near = first is None and to_end <= _NEAR_END and guard in ("", "count", "date", "range")
        if run.first in removed or not (near or glue_only(turn.tokens, run.last + 1, end)):
            break
        if guard and not near:
            break
        first = end = run.first
    return first


def _open_sign(turn: Turn, removed: set[int]) -> int | None:
    """Where "j dot doe at" begins."""
    for at in range(len(turn.tokens) - 1, max(-1, len(turn.tokens) - 4), -1):
        if turn.tokens[at].norm in _SIGNS and at not in removed:
            first = max(0, at - 1)
            while first > 1 and (turn.tokens[first - 1].norm in _SIGNS or _in_run(turn, first)):
                first -= 1
            return first
    return None


def _in_run(turn: Turn, at: int) -> bool:
    return turn.run_at(at) is not None


def masked(
    segment: Segment,
    context: Context,
    tagger: Tagger | EllipsisType | None = ...,
    repeated: Callable[[Turn], Iterable[Mark]] = lambda turn: (),
) -> Segment:
    """Unsettled text as it may be shown: everything that is, or may become, personal data is
    hidden, each word for itself; so is every run of digits and letters, and every sign, and what
    is ``repeated`` of what was found before. ``context`` stays what it was."""
    known = context.copy()
    turn = _turn(segment, known)
    marks = [*repeated(turn), *marks_of([turn], known, tagger=tagger)]
    hidden = {at for m in marks for at in range(m.first, m.last + 1)}
    for run in turn.runs:
        hidden.update(range(run.first, run.last + 1))
    words = {turn.tokens[at].word for at in hidden}
    words |= {token.word for token in turn.tokens if token.sort in _HIDDEN or token.value.isdigit()}
    texts = [w.text for w in segment.words] or segment.text.split()
    words |= {at for at, text in enumerate(texts) if any(map(_is_numeric, text))}
    if not words:
        return segment
    shown = [MASK if at in words else text for at, text in enumerate(texts)]
    timed = tuple(
        replace(word, text=MASK, probability=None) if at in words else word
        for at, word in enumerate(segment.words)
    )
    return replace(segment, text=" ".join(shown), words=timed)


def _is_numeric(character: str) -> bool:
    """Digits of all scripts, also those in circles and fractions."""
    return unicodedata.numeric(character, None) is not None


def _turn(segment: Segment, context: Context) -> Turn:
    words = [word.text for word in segment.words] or segment.text.split()
    return turn_of(0, party_of(segment, context), words)

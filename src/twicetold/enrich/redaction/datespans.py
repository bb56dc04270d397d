"""What can be a date in a turn, or a part of one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from twicetold.enrich.redaction.guards import guard_of
from twicetold.enrich.redaction.numbers import value_of
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Turn
from twicetold.enrich.redaction.vocabulary import FILLERS, MONTHS, ORDINALS, TENS, words

_JOINERS = words("of the in year day month was slash dash stroke dot and") | FILLERS
_MOST_JOINED = 4


@dataclass(frozen=True, slots=True)
class Span:
    """A date, or a part of one. ``parts``: months as ``m3``, other numbers as they are."""

    first: int
    last: int
    parts: tuple[str, ...]
    month: bool
    numbers: int

    @property
    def full(self) -> bool:
        """Whether it says more than one of day, month and year."""
        return len(self.parts) > 1 or any(len(part) > 4 for part in self.parts)


def spans_of(turn: Turn) -> list[Span]:
    """Everything in a turn that can be a date or part of one."""
    tokens, pieces = turn.tokens, _pieces(turn)
    spans: list[Span] = []
    group: list[tuple[int, int, str]] = []
    for piece in pieces:
        if group and not _joined(tokens, group[-1][1], piece[0]):
            spans.append(_span(tokens, group))
            group = []
        group.append(piece)
    if group:
        spans.append(_span(tokens, group))
    return spans


def _pieces(turn: Turn) -> list[tuple[int, int, str]]:
    tokens = turn.tokens
    pieces = [
        piece
        for run in turn.runs
        for piece in _halves(tokens, run)
        if not run.letters
        and not (run.first == run.last and tokens[run.first].sort is Sort.DATE)
        and run.digits <= 8
        and guard_of(tokens, run) not in ("unit", "decimal", "counted", "count")
    ]
    covered = {at for first, last, _ in pieces for at in range(first, last + 1)}
    for at, token in enumerate(tokens):
        if at in covered:
            continue
        if _is_feast(tokens, at):
            new = at > 0 and tokens[at - 1].norm == "new"
            pieces.append((at - new, at + 1, "m12"))
            covered.add(at + 1)
        elif token.sort is Sort.MONTH:
            pieces.append((at, at, "m" + MONTHS[token.norm]))
        elif token.norm in TENS and token.sort is Sort.ORDINAL:
            pieces.append((at, at + 1, str(int(token.value) + int(tokens[at + 1].value))))
            covered.add(at + 1)
        elif token.sort is Sort.DATE or (token.sort is Sort.ORDINAL and not _is_time(tokens, at)):
            pieces.append((at, at, ORDINALS.get(token.norm, token.norm.rstrip("stndrh"))))
        elif token.norm in ("thirtieth", "twentieth"):
            pieces.append((at, at, value_of([token])))
    return sorted(pieces)


_FEASTS = words("christmas boxing valentine's year's halloween patrick's")


def _is_feast(tokens: Sequence[Token], at: int) -> bool:
    """ "Christmas day", "boxing day": a day and its month in one."""
    following = tokens[at + 1].norm if at + 1 < len(tokens) else ""
    return tokens[at].norm in _FEASTS and following in ("day", "eve")


def _halves(tokens: Sequence[Token], run: Run) -> list[tuple[int, int, str]]:
    """A run, cut where a slash is spoken: "four slash twenty nine"."""
    cuts = [at for at in range(run.first, run.last) if tokens[at].value == "/"]
    if not cuts:
        return [(run.first, run.last, run.value)]
    edges = [run.first - 1, *cuts, run.last + 1]
    return [
        (a + 1, b - 1, value_of(tokens[a + 1 : b]))
        for a, b in itertools.pairwise(edges)
        if b > a + 1
    ]


def _is_time(tokens: Sequence[Token], at: int) -> bool:
    """ "One second": no day."""
    return tokens[at].norm == "second" and at > 0 and tokens[at - 1].norm in ("a", "one", "per")


def _joined(tokens: Sequence[Token], last: int, first: int) -> bool:
    between = tokens[last + 1 : first]
    if any(token.ends for token in tokens[last:first]):
        return False
    if {"and", "the"} <= {token.norm for token in between}:
        return False  # "april twenty eight and the three are …"
    if Sort.DATE in (tokens[last].sort, tokens[first].sort):
        return False
    if any(token.norm in ("it's", "that's", "its", "no", "sorry", "on") for token in between):
        return False
    return len(between) <= _MOST_JOINED and all(
        token.norm in _JOINERS or token.sort is Sort.FILLER for token in between
    )


def _span(tokens: Sequence[Token], group: list[tuple[int, int, str]]) -> Span:
    parts = tuple(value for _, _, value in group)
    month = any(part.startswith("m") for part in parts)
    numbers = sum(not part.startswith("m") for part in parts)
    return Span(group[0][0], group[-1][1], parts, month, numbers)

"""Runs: stretches of a turn in which digits, letters and signs are dictated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twicetold.enrich.redaction.dictated import inside_of, mark_spelling
from twicetold.enrich.redaction.numbers import is_cardinal, is_spelled_out, value_of
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.vocabulary import (
    ACRONYMS,
    TIGHT_FILLERS,
)

_MOST_GAP = 3


@dataclass(slots=True)
class Run:
    """``first`` to ``last`` token, both inclusive. ``value``: what was dictated in it."""

    first: int
    last: int
    value: str
    digits: int
    letters: int
    spelled_out: bool
    cardinal: bool
    words: int
    written: bool  # one written number, so that how it was said is not known

    @property
    def is_pair(self) -> bool:
        """Three or four digits as times, prices and years are said: "ten fifteen"."""
        plain = not (self.spelled_out or self.written or self.letters)
        return plain and self.digits in (3, 4) and self.words in (2, 3)

    @property
    def size(self) -> int:
        return len(self.value)


def runs_of(tokens: Sequence[Token]) -> list[Run]:
    """The runs of a turn in order; they do not overlap."""
    mark_spelling(tokens)
    inside = inside_of(tokens)
    runs: list[Run] = []
    first: int | None = None
    last = 0
    for at in [place for place, it in enumerate(inside) if it]:
        if first is not None and not _joined(tokens, last, at):
            runs.append(_run(tokens, first, last, inside))
            first = None
        first = at if first is None else first
        last = at
    if first is not None:
        runs.append(_run(tokens, first, last, inside))
    return [run for run in runs if not _is_acronym(tokens, run)]


def _run(tokens: Sequence[Token], first: int, last: int, inside: Sequence[bool]) -> Run:
    said = [
        tokens[at]
        for at in range(first, last + 1)
        if inside[at] or (tokens[at].norm == "and" and tokens[at - 1].sort is Sort.SCALE)
    ]
    for near, token in enumerate(said):
        if token.norm == "o" and any(
            t.sort is Sort.LETTER for t in said[max(0, near - 1) : near + 2]
        ):
            token.sort, token.value = Sort.LETTER, "O"
    value = value_of(said)
    digits = sum(c.isdigit() for c in value)
    spoken = [token for token in said if token.sort is not Sort.PART]
    return Run(
        first,
        last,
        value,
        digits,
        len(value) - digits,
        is_spelled_out(spoken),
        is_cardinal(spoken),
        len(spoken),
        len(spoken) == 1 and spoken[0].sort is Sort.DIGITS,
    )


def _is_acronym(tokens: Sequence[Token], run: Run) -> bool:
    spelled = any(tokens[at].sort is Sort.PART for at in range(run.first, run.last + 1))
    return not run.digits and run.value.lower() in ACRONYMS and not spelled


def _joined(tokens: Sequence[Token], last: int, at: int) -> bool:
    """Whether nothing but signs and hesitation lies between two parts of a run."""
    if at == last + 1:
        dated = last > 0 and tokens[last].pauses and tokens[last - 1].sort is Sort.MONTH
        return not (tokens[last].ends or dated)
    between = tokens[last + 1 : at]
    if tokens[last].sort is Sort.SCALE and [t.norm for t in between] == ["and"]:
        return tokens[at].sort is Sort.NUMBER
    if len(between) > _MOST_GAP or tokens[last].ends:
        return False
    for token in between:
        if token.sort is Sort.SYMBOL:
            if token.value == "@":
                return False
        elif token.norm not in TIGHT_FILLERS or token.ends:
            return False
    return True

"""Card numbers that need nobody to announce them: their check digit tells, however they stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.shapes import is_card
from twicetold.enrich.redaction.turns import Mark, Turn, is_glue
from twicetold.enrich.redaction.vocabulary import words

_FEWEST_PIECES = 3  # of two, each is likelier a number by itself
_MOST_BETWEEN = 4
_USUAL = (15, 16)  # digits
_JOINING = words("and then plus comma next finally lastly again")


def cards_in(turn: Turn) -> list[Mark]:
    """Card numbers that are written in one word, or as amounts."""
    return _of_one_word(turn) + _of_amounts(turn)


def _of_one_word(turn: Turn) -> list[Mark]:
    """Whatever stands before, behind and between its digits: "card:4242…", "4,242,424,…"."""
    marks = []
    for at, token in enumerate(turn.tokens):
        digits = "".join(str(unicodedata.decimal(c)) for c in token.raw if c.isdecimal())
        if is_card(digits):
            marks.append(Mark(turn.index, at, at, "card_number", digits))
    return marks


def _of_amounts(turn: Turn) -> list[Mark]:
    """A card's groups of four that were written as amounts: "$4,242. 4,242. 4,242. 4,242."."""
    groups = [re.fullmatch(r"\$?(\d),?(\d{3})[.,?]?", token.raw) for token in turn.tokens]
    marks, at = [], 0
    while at + 4 <= len(groups):
        four = [group for group in groups[at : at + 4] if group is not None]
        digits = "".join(group[1] + group[2] for group in four)
        if len(four) == 4 and is_card(digits):
            marks.append(Mark(turn.index, at, at + 3, "card_number", digits))
            at += 3
        at += 1
    return marks


def with_pieces(turn: Turn, marks: Sequence[Mark]) -> list[Mark]:
    """``marks``, and the cards whose pieces have nothing to say between them: "forty five and
    thirty two and …". What has been announced as something else stays that as well."""
    told = list(marks)
    for pieces in _groups(turn):
        digits = "".join(run.value for run in pieces)
        if not _is_dictated(pieces) or not is_card(digits):
            continue
        first, last = pieces[0].first, pieces[-1].last
        covering = [each for each in told if each.last >= first and each.first <= last]
        if not covering:
            told.append(Mark(turn.index, first, last, "card_number", digits))
            continue
        known = {at for each in covering for at in range(each.first, each.last + 1)}
        told = [_called_a_card_too(each) if each in covering else each for each in told]
        told += [
            Mark(turn.index, run.first, run.last, covering[0].kind, run.value, also="card_number")
            for run in pieces
            if known.isdisjoint(range(run.first, run.last + 1))
        ]
    return sorted(told, key=lambda mark: mark.first)


def _groups(turn: Turn) -> list[list[Run]]:
    """Runs of digits that follow each other, each as long as it goes."""
    groups: list[list[Run]] = []
    for run in turn.runs:
        if run.letters:
            continue
        if groups and _go_on(turn, groups[-1][-1].last, run.first):
            groups[-1].append(run)
        else:
            groups.append([run])
    return [group for group in groups if len(group) >= _FEWEST_PIECES]


def _is_dictated(pieces: Sequence[Run]) -> bool:
    """By twos or by longer groups, and as long as cards are: a list of amounts has the right check
    digit one time in ten."""
    even = all(run.digits % 2 == 0 for run in pieces) or all(run.digits >= 3 for run in pieces)
    return even and sum(run.digits for run in pieces) in _USUAL


def _called_a_card_too(mark: Mark) -> Mark:
    plain = mark.kind == "card_number" or mark.also
    return mark if plain else replace(mark, also="card_number")


def _go_on(turn: Turn, last: int, first: int) -> bool:
    between = turn.tokens[last + 1 : first]
    return len(between) <= _MOST_BETWEEN and all(
        is_glue(token) or token.norm in _JOINING for token in between
    )

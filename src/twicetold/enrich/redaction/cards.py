"""Card numbers that need nobody to announce them: their check digit tells, however they stand."""

from __future__ import annotations

import re
import unicodedata

from twicetold.enrich.redaction.shapes import LONGEST_CARD, is_card
from twicetold.enrich.redaction.turns import Mark, Turn, is_glue
from twicetold.enrich.redaction.vocabulary import words

_MOST_BETWEEN = 4
_JOINING = words("and then plus comma next finally lastly again")


def cards_in(turn: Turn) -> list[Mark]:
    """Card numbers that are no single stretch of spoken digits."""
    return _of_one_word(turn) + _of_amounts(turn) + _of_pieces(turn)


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


def _of_pieces(turn: Turn) -> list[Mark]:
    """Pieces with nothing to say between them: "forty five and thirty two and …"."""
    marks: list[Mark] = []
    at = 0
    while at < len(turn.runs):
        mark = _from(turn, at)
        if mark is not None:
            marks.append(mark)
        at += 1
        while mark is not None and at < len(turn.runs) and turn.runs[at].first <= mark.last:
            at += 1
    return marks


def _from(turn: Turn, at: int) -> Mark | None:
    """The longest card whose first piece is that run: of shorter ones each tenth has, by chance,
    the right check digit."""
    found, digits, first = None, "", turn.runs[at].first
    for piece, run in enumerate(turn.runs[at : at + LONGEST_CARD]):
        if run.letters or (piece and not _go_on(turn, turn.runs[at + piece - 1].last, run.first)):
            break
        digits += run.value
        if len(digits) > LONGEST_CARD:
            break
        if piece and is_card(digits):
            found = Mark(turn.index, first, run.last, "card_number", digits)
    return found


def _go_on(turn: Turn, last: int, first: int) -> bool:
    between = turn.tokens[last + 1 : first]
    return len(between) <= _MOST_BETWEEN and all(
        is_glue(token) or token.norm in _JOINING for token in between
    )

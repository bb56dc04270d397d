"""Card numbers that need nobody to announce them: their check digit tells, however they stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.shapes import is_card
from twicetold.enrich.redaction.turns import Mark, Turn, glue_only, is_glue
from twicetold.enrich.redaction.vocabulary import words

_NUMBERS = words("phone bank_account reference member_number document_number national_id")
_MOST_BETWEEN = 4
_USUAL = (15, 16)  # digits
_JOINING = words("and & then also plus comma next finally lastly again")


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
    thirty two and …". One that was announced as something else is that as well."""
    told = list(marks)
    for pieces in _dictated(turn):
        first, last = pieces[0].first, pieces[-1].last
        covering = [each for each in told if each.last >= first and each.first <= last]
        kinds = [each.kind for each in covering if each.kind not in ("card_number", "number")]
        first = min([first, *(each.first for each in covering)])
        last = max([last, *(each.last for each in covering)])
        kind, also = (kinds[0], "card_number") if kinds else ("card_number", "")
        told = [each for each in told if each not in covering]
        told.append(Mark(turn.index, first, last, kind, _digits(pieces), also))
    return sorted(told, key=lambda mark: mark.first)


def as_announced(turn: Turn, mark: Mark) -> Mark:
    """What was said to be another number goes as that too, though its check digit is a card's."""
    if mark.kind != "card_number" or mark.also:
        return mark
    before = [cue for cue in turn.cues if cue.end <= mark.first and cue.kind in _NUMBERS]
    cue = before[-1] if before else None
    if cue is None or not cue.strong or not glue_only(turn.tokens, cue.end, mark.first):
        return mark
    return replace(mark, kind=cue.kind, also="card_number")


def security_code(mark: Mark) -> Mark:
    """A "security code" of three digits is a card's: those that are sent are longer."""
    short = len(mark.value) == 3 and mark.value.isdecimal() and not mark.also
    return replace(mark, also="cvv") if short and mark.kind == "one_time_code" else mark


def _dictated(turn: Turn) -> list[Sequence[Run]]:
    """The cards among the runs that follow each other."""
    found: list[Sequence[Run]] = []
    for group in _groups(turn):
        windows = [group] if len(group) > 1 and _is_usual(group) else _fours(group)
        found += [window for window in windows if is_card(_digits(window))]
    return found


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
    return groups


def _is_usual(pieces: Sequence[Run]) -> bool:
    """As cards are dictated, by twos or by longer groups, and as long as they are: a list of
    amounts has the right check digit one time in ten. Of two pieces, other than by fours, each is
    likelier a number by itself."""
    sizes = [run.digits for run in pieces]
    even = all(size % 2 == 0 for size in sizes) or all(size >= 3 for size in sizes)
    by_fours = all(size % 4 == 0 for size in sizes)
    return even and sum(sizes) in _USUAL and (len(sizes) > 2 or by_fours)


def _fours(group: Sequence[Run]) -> list[Sequence[Run]]:
    """Four times four digits with other numbers round them."""
    windows = (group[at : at + 4] for at in range(len(group) - 3))
    return [window for window in windows if all(run.digits == 4 for run in window)]


def _digits(pieces: Sequence[Run]) -> str:
    return "".join(run.value for run in pieces)


def _go_on(turn: Turn, last: int, first: int) -> bool:
    between = turn.tokens[last + 1 : first]
    return len(between) <= _MOST_BETWEEN and all(
        is_glue(token) or token.norm in _JOINING for token in between
    )

"""Of which kind a stretch is that the tagger found: what the sets call kinds, and how it tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.datespans import spans_of
from twicetold.enrich.redaction.shapes import kind_by_shape
from twicetold.enrich.redaction.tagger.features import hashed
from twicetold.enrich.redaction.tagger.told import Told
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn

BITS = 12
# The kinds that are told apart by weights; those of one group by what was asked for.
GROUPS: dict[str, tuple[str, ...]] = {
    "phone": ("phone",), "card_number": ("card_number",), "card_cvv": ("cvv",),
    "card_expiry": ("card_expiry",), "email": ("email",), "spelled_name": ("name",),
    "national_id": ("national_id",), "date_of_birth": ("date_of_birth",),
    "address": ("address",), "postcode": ("postcode",), "bank_account": ("bank_account",),
    "reference": ("reference",), "member_id": ("member_number", "document_number"),
    "secret": ("password", "pin", "security_answer", "one_time_code"),
    "username": ("username",), "ip_address": ("ip_address",), "licence_plate": ("licence_plate",),
}  # fmt: skip
_FEW_DIGITS = 8
_NEAR = 4  # words between two pieces of one datum


def kind_features(
    turn: Turn, first: int, last: int, context: Context, before: Sequence[Told]
) -> list[int]:
    """Rows of what tells the kind of tokens ``first`` to ``last``."""
    tokens = turn.tokens[first : last + 1]
    value = value_of(turn, first, last)
    sorts = "".join(dict.fromkeys(str(token.sort.value) + "." for token in tokens))
    digits, letters = sum(c.isdigit() for c in value), sum(c.isalpha() for c in value)
    said = ["b", f"s{sorts}", f"d{min(digits, 17)}", f"l{min(letters, 6)}&{bool(digits)}"]
    said += [f"t{sort}" for sort in dict.fromkeys(t.sort.value for t in tokens)]
    said.append(f"f{kind_by_shape(value.upper()) or ''}")
    said += [f"m{t.norm}" for t in tokens if t.sort in (Sort.SYMBOL, Sort.MONTH)]
    cues = [cue for cue in turn.cues if cue.end <= first][-2:]
    said += [f"c{cue.kind}{cue.strong}" for cue in cues]
    said += [f"n{cue.kind}{cue.strong}" for cue in cues[-1:] if first - cue.end < _NEAR]
    said += [f"a{cue.kind}" for cue in turn.cues if cue.first > last]
    for place, asked in enumerate(context.asked[:3]):
        said += [f"k{place}{asked.kind}{asked.strong}{asked.stale}", f"k{asked.kind}"]
    if context.quiet <= _NEAR:
        said.append(f"q{context.kind}{context.open}")
    for told in before[:2]:
        said += [f"w{word}" for word in dict.fromkeys(told.words)]
        said.append(f"p{told.marked}")
    said += [f"o{t.norm}" for t in turn.tokens[max(0, first - 6) : first] if t.sort is Sort.WORD]
    return [hashed(f"K{each}") & ((1 << BITS) - 1) for each in said]


def value_of(turn: Turn, first: int, last: int) -> str:
    """What the tokens stand for; words apart, where they are words."""
    tokens = [t for t in turn.tokens[first : last + 1] if t.sort is not Sort.FILLER]
    if all(token.value or token.sort is Sort.PART for token in tokens):
        return "".join(token.value for token in tokens)
    return " ".join(token.norm for token in tokens)


def date_value(turn: Turn, first: int, last: int) -> str:
    """The parts of a date, as `dates` gives them, for `readbacks` reads them; of other numbers
    their digits."""
    inside = [s for s in spans_of(turn) if s.first >= first and s.last <= last]
    if inside:
        return " ".join(part for span in inside for part in span.parts)
    values = (token.value for token in turn.tokens[first : last + 1])
    return " ".join(value for value in values if value.isdecimal() and value.isascii())


def beside(marks: Iterable[Mark], first: int, last: int) -> str:
    """The kind of what was found right beside: the other part of the same datum."""
    for mark in marks:
        if mark.last + 1 == first or last + 1 == mark.first:
            return mark.kind
    return ""


def kind_of_group(group: str, value: str, turn: Turn, context: Context) -> str:
    """The kind in a group: the one that was named last, or what the value looks like."""
    kinds = GROUPS[group]
    named = [cue.kind for cue in reversed(turn.cues)] + [asked.kind for asked in context.asked]
    found = next((kind for kind in named if kind in kinds), "")
    if group == "secret" and not found:
        return "pin" if value.isdigit() and len(value) <= _FEW_DIGITS else "password"
    return found or kinds[0]

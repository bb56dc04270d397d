"""Dates, of which those of birth and those on cards are removed and all others stay."""

from __future__ import annotations

import re
from collections.abc import Sequence

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.cues import ANY, NOTHING, TAIL
from twicetold.enrich.redaction.datespans import Span, spans_of
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Mark, Turn, glue_only, is_glue
from twicetold.enrich.redaction.vocabulary import ORDINALS, STOP, words

_UNSURE = frozenset({"may", "march", "mar", "second", "first", "third"})
_ORDINARY = words(
    "on since until till by before after from during through next last this every each "
    "delivered delivery appointment arrive arrived ordered placed purchased bought booked due "
    "called scheduled shipped starting starts started ends"
)
_NAMING = frozenset({"is", "for", "as", "on"})
_SHORT_DATE = re.compile(r"\d{1,2}([/.\-])\d{1,2}\1(3[2-9]|[4-9]\d)")  # 4-17-81


def dates_in(turn: Turn, context: Context, spans: Sequence[Span]) -> list[Mark]:
    """Those of a turn's dates that are somebody's birth, or the end of a card."""
    marks: list[Mark] = []
    for span in spans:
        kind = _kind_of(turn, context, span, marks)
        if kind:
            first = _first(turn, span) if kind == "card_expiry" else span.first
            if kind == "date_of_birth" and first and turn.tokens[first - 1].norm == "the":
                first -= 1
            marks.append(Mark(turn.index, first, span.last, kind, " ".join(span.parts)))
    return marks


_KINDS = ("date_of_birth", "card_expiry")
_LASTING = words("lapses lapse lapsed lasts valid expires expired expiry expiration thru")
_ENDING = words(
    "to good back now back expires expiring expiry exp until till to thru through of end says "
    "now date"
)
_OF_CARDS = ("card_number", "cvv", "card_expiry")


def _is_of_else(turn: Turn, context: Context) -> bool:
    """Whether what runs out is a passport or a policy."""
    for cue in reversed(turn.cues):
        if cue.strong and cue.kind not in ("card_expiry", "any", ""):
            return cue.kind in ("document_number", "member_number")
    newest = next((a.kind for a in context.asked if a.kind != "card_expiry"), "")
    return newest in ("document_number", "member_number") or context.kind in (
        "document_number",
        "member_number",
    )


def _is_the_year(span: Span, birth: Mark) -> bool:
    """The year of a date of birth, said a little later."""
    has_year = any(len(part) > 2 and part[0] != "m" for part in birth.value.split())
    year = len(span.parts) == 1 and re.fullmatch(r"(19|20)\d\d", span.parts[0])
    return bool(year) and not has_year


def _behind_card(turn: Turn, span: Span) -> bool:
    """Whether a card's number stands right before a date."""
    return any(run.digits >= 12 and run.last < span.first <= run.last + 12 for run in turn.runs)


def _dictated(turn: Turn, span: Span) -> bool:
    """ "Oh four twenty seven", "march of twenty nine": no time and no day is said so."""
    said = [token.norm for token in turn.tokens[span.first : span.last + 1]]
    short = turn.tokens[span.last].raw[:1] in ("'", "’") and span.month and len(span.parts) == 2
    if not _is_expiry(span) or _word_before(turn, span) in _ORDINARY:
        return False
    if short:
        return True
    if span.month:
        return len(span.parts) == 2 and "of" in said and span.parts[0].startswith("m")
    plain = said[0] in ("oh", "o", "zero") and len(span.parts) == 1 and len(said) >= 3
    return plain and said[-1] != "thirty"  # half past


def _slashed(turn: Turn, span: Span) -> bool:
    """``04/27``, unless something happens on that day."""
    alone = len(span.parts) == 1 and turn.tokens[span.first].sort is Sort.DATE
    return alone and "/" in span.parts[0] and _word_before(turn, span) not in _ORDINARY


def _first(turn: Turn, span: Span) -> int:
    """ "The end of" belongs to when a card runs out."""
    said = [token.norm for token in turn.tokens[max(0, span.first - 3) : span.first]]
    return span.first - 3 if said == ["the", "end", "of"] else span.first


def _kind_of(turn: Turn, context: Context, span: Span, marks: Sequence[Mark]) -> str:
    if marks and marks[-1].kind == "date_of_birth" and _is_the_year(span, marks[-1]):
        return "date_of_birth"
    if _is_expiry(span) and (
        _behind_card(turn, span) or _slashed(turn, span) or _dictated(turn, span)
    ):
        return "card_expiry"
    cue = next((c for c in reversed(turn.cues) if c.end <= span.first), None)
    if cue is not None and cue.strong and cue.kind not in (ANY, TAIL):
        if cue.kind in _KINDS and not (cue.kind == "card_expiry" and _is_of_else(turn, context)):
            return cue.kind if _belongs(turn, cue.end, span, cue.kind) else ""
        if cue.kind == NOTHING or _glued(turn.tokens, cue.end, span.first):
            return ""
    after = _named_after(turn, span)
    if after:
        return after
    if _is_of_card(turn, context, span):
        return "card_expiry"
    if _is_birth(turn, span) or _is_turning(turn, span) or _is_year_of(turn, context, span):
        return "date_of_birth"
    asked = context.expects(*_KINDS)
    strong = [a for a in context.asked if a.strong]
    if asked is not None and asked.fresh == 0 and not asked.found and turn.is_answer:
        return asked.kind
    early = glue_only(turn.tokens, 0, span.first) and asked is not None and asked.fresh == 0
    if early and asked is not None:
        expiry = asked.kind == "card_expiry" and _is_expiry(span)
        if expiry or (asked.kind == "date_of_birth" and len(span.parts) > 2):
            return asked.kind
    if asked is not None and (asked is strong[0] or turn.is_answer or span.month):
        fits = _answers(turn, span, asked.kind, asked.found >= 5)
        return asked.kind if fits else ""
    if context.kind in _KINDS and context.quiet <= 4:
        return context.kind if _repeats(turn, span) else ""
    return ""


def _is_of_card(turn: Turn, context: Context, span: Span) -> bool:
    """Month and year of the coming years while a card is spoken of, and nothing else with them."""
    spoken_of = [a.kind for a in context.asked] + [c.kind for c in turn.cues]
    if context.quiet <= 6:
        spoken_of.append(context.kind)
    lasting = any(token.norm in _LASTING for token in turn.tokens) or context.lasting
    card = lasting or any(kind in _OF_CARDS for kind in spoken_of) or context.card <= 6
    if not card or not _is_expiry(span) or _is_of_else(turn, context):
        return False
    slashed = any(t.norm in ("slash", "stroke") for t in turn.tokens[span.first : span.last + 1])
    return (
        slashed
        or turn.is_answer
        or (span.month and (lasting or context.card <= 6))
        or _numbered_of(turn, span)
        or _word_before(turn, span) in _ENDING
    )


def _numbered_of(turn: Turn, span: Span) -> bool:
    """ "Five of twenty eight"."""
    said = [token.norm for token in turn.tokens[span.first : span.last + 1]]
    return "of" in said and not span.month


def _word_before(turn: Turn, span: Span) -> str:
    """The last word before a date, articles and fillers left out."""
    at = span.first - 1
    while at >= 0 and (turn.tokens[at].norm == "the" or turn.tokens[at].sort is Sort.FILLER):
        at -= 1
    return turn.tokens[at].norm if at >= 0 else ""


def _is_birth(turn: Turn, span: Span) -> bool:
    """A whole date so long ago that it is hardly anything but a birth."""
    year = next((p for p in span.parts if re.fullmatch(r"(19[2-9]\d|200\d|201[0-2])", p)), "")
    written = any(
        re.search(r"(19[2-9]\d|200\d|201[0-2])", p) if len(p) > 7 else _SHORT_DATE.fullmatch(p)
        for p in span.parts
    )
    short = re.fullmatch(r"[3-9]\d", span.parts[-1]) and int(span.parts[-1]) > 31
    last = span.parts[-1]
    closed = bool(last == year or short)  # the year stands behind the day
    said = [token.norm for token in turn.tokens[span.first : span.last + 1]]
    ordinal = sum(word in ORDINALS for word in said) >= 2 and "of" in said
    whole = (span.month or ordinal) and len(span.parts) == 3 and closed
    return (whole or written) and _word_before(turn, span) not in _ORDINARY


def _is_turning(turn: Turn, span: Span) -> bool:
    """ "Turned fifty on the nineteenth of may"."""
    before = [token.norm for token in turn.tokens[max(0, span.first - 7) : span.first]]
    ages = {"turned", "turning", "turns", "turn"} & set(before)
    ages |= {"be", "she'll", "he'll"} & set(before) if _is_aged(turn, span) else set()
    return span.month and bool(ages) and "on" in before


def _is_aged(turn: Turn, span: Span) -> bool:
    """Whether an age stands a little before a date."""
    return any(0 < span.first - run.last <= 4 and 1 <= run.digits <= 2 for run in turn.runs)


def _is_year_of(turn: Turn, context: Context, span: Span) -> bool:
    """The year alone, behind the day and month of a birth."""
    year = len(span.parts) == 1 and re.fullmatch(r"(19|20)?\d\d", span.parts[0])
    asked = context.kind == "date_of_birth" and context.quiet <= 2
    return bool(year) and asked and turn.is_answer and context.requested


def _is_expiry(span: Span) -> bool:
    """Month and year of the coming years: ``04/27``, ``oh four twenty seven``."""
    parts = [each for part in span.parts for each in re.split(r"[/.\-]", part.removeprefix("m"))]
    digits = "".join(part.zfill(2) for part in parts)
    if not digits.isdigit():
        return False
    if len(span.parts) == 1 and len(digits) in (3, 5):
        digits = "0" + digits
    digits = digits[:2] + digits[4:] if len(digits) == 6 and digits[2:4] == "20" else digits
    return len(digits) == 4 and 1 <= int(digits[:2]) <= 12 and 24 <= int(digits[2:]) <= 39


def _named_after(turn: Turn, span: Span) -> str:
    """``march third eighty two is my birthday``."""
    behind = span.last + 1
    for cue in turn.cues:
        if cue.kind == "date_of_birth" and 0 < cue.first - behind <= 4 and span.full:
            between = {token.norm for token in turn.tokens[behind : cue.first]}
            if _NAMING & between:
                return cue.kind
    return ""


def _glued(tokens: Sequence[Token], first: int, end: int) -> bool:
    return end - first <= 4 and all(is_glue(t) or t.norm in STOP for t in tokens[first:end])


def _belongs(turn: Turn, end: int, span: Span, kind: str) -> bool:
    """Whether a date follows the words that announce it."""
    gap = turn.tokens[end : span.first]
    if len(gap) > 14 or (span.parts[0] in ("1", "2") and len(span.parts) == 1 and gap):
        return False
    if kind == "card_expiry":
        usual = all(t.norm in STOP or is_glue(t) or t.norm in ("end", "of") for t in gap)
        ended = any(t.norm == "end" for t in gap)
        return (
            usual
            and (span.full or not ended)
            and (span.full or len(span.parts[0]) >= 3 or span.month)
        )
    near = all(t.norm in STOP or is_glue(t) for t in gap) and len(gap) <= 8
    return near or span.full


def _answers(turn: Turn, span: Span, kind: str, done: bool) -> bool:
    if kind == "card_expiry" and span.full and not _is_expiry(span):
        return False
    if kind == "card_expiry" and not span.month and len(span.parts[0]) > 2 and not _is_expiry(span):
        return False
    if turn.is_answer or _only_dates(turn):
        return not (done and not span.full and not span.month and len(span.parts[0]) < 2)
    if done and not _repeats(turn, span):
        return False
    before = turn.tokens[span.first - 1].norm if span.first else ""
    if before == "the" and span.first > 1:
        before = turn.tokens[span.first - 2].norm
    if before in _ORDINARY:
        return False
    return span.full and (span.month or len("".join(span.parts)) >= (5 if kind == _KINDS[0] else 3))


def _only_dates(turn: Turn) -> bool:
    dated = {at for span in spans_of(turn) for at in range(span.first, span.last + 1)}
    free = [t for at, t in enumerate(turn.tokens) if at not in dated]
    return all(is_glue(t) or t.norm in STOP or t.norm in ("born", "birthday", "date") for t in free)


def _repeats(turn: Turn, span: Span) -> bool:
    words = {token.norm for token in turn.tokens}
    told = words & {
        "right",
        "correct",
        "confirm",
        "said",
        "have",
        "got",
        "that's",
        "so",
        "yes",
        "sorry",
        "no",
        "not",
        "meant",
        "actually",
    }
    leads = all(is_glue(t) or t.norm in STOP for t in turn.tokens[: span.first])
    return _only_dates(turn) or (leads and span.full) or (bool(told) and (span.full or span.month))

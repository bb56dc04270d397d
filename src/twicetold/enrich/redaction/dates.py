"""Dates, of which those of birth and those on cards are removed and all others stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.cues import NOTHING
from twicetold.enrich.redaction.guards import guard_of
from twicetold.enrich.redaction.numbers import value_of
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Mark, Turn, is_glue
from twicetold.enrich.redaction.vocabulary import FILLERS, MONTHS, ORDINALS, STOP, words

_JOINERS = words("of the in year day month was slash dash stroke dot and") | FILLERS
_UNSURE = frozenset({"may", "march", "mar", "second", "first", "third"})
_ORDINARY = words(
    "on since until till by before after from during through next last this every each "
    "delivered delivery appointment arrive arrived ordered placed purchased bought booked due "
    "called scheduled shipped starting starts started ends"
)
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
        (run.first, run.last, run.value)
        for run in turn.runs
        if not run.letters and guard_of(tokens, run) not in ("unit", "decimal", "counted", "count")
    ]
    covered = {at for first, last, _ in pieces for at in range(first, last + 1)}
    for at, token in enumerate(tokens):
        if at in covered:
            continue
        if token.sort is Sort.MONTH:
            pieces.append((at, at, "m" + MONTHS[token.norm]))
        elif token.sort is Sort.DATE or (token.sort is Sort.ORDINAL and not _is_time(tokens, at)):
            pieces.append((at, at, ORDINALS.get(token.norm, token.norm.rstrip("stndrh"))))
        elif token.norm in ("thirtieth", "twentieth"):
            pieces.append((at, at, value_of([token])))
    return sorted(pieces)


def _is_time(tokens: Sequence[Token], at: int) -> bool:
    """ "One second": no day."""
    return tokens[at].norm == "second" and at > 0 and tokens[at - 1].norm in ("a", "one", "per")


def _joined(tokens: Sequence[Token], last: int, first: int) -> bool:
    between = tokens[last + 1 : first]
    return len(between) <= _MOST_JOINED and all(
        token.norm in _JOINERS or token.sort is Sort.FILLER for token in between
    )


def _span(tokens: Sequence[Token], group: list[tuple[int, int, str]]) -> Span:
    parts = tuple(value for _, _, value in group)
    month = any(part.startswith("m") for part in parts)
    numbers = sum(not part.startswith("m") for part in parts)
    return Span(group[0][0], group[-1][1], parts, month, numbers)


def dates_in(turn: Turn, context: Context, spans: Sequence[Span]) -> list[Mark]:
    """Those of a turn's dates that are somebody's birth, or the end of a card."""
    marks: list[Mark] = []
    for span in spans:
        kind = _kind_of(turn, context, span, bool(marks))
        if kind:
            first = span.first
            if kind == "date_of_birth" and first and turn.tokens[first - 1].norm == "the":
                first -= 1
            marks.append(Mark(turn.index, first, span.last, kind, " ".join(span.parts)))
    return marks


_KINDS = ("date_of_birth", "card_expiry")


def _kind_of(turn: Turn, context: Context, span: Span, more: bool) -> str:
    cue = next((c for c in reversed(turn.cues) if c.end <= span.first), None)
    if cue is not None and cue.strong:
        if cue.kind in _KINDS:
            return cue.kind if _belongs(turn, cue.end, span, cue.kind) else ""
        if cue.kind == NOTHING or _glued(turn.tokens, cue.end, span.first):
            return ""
    after = _named_after(turn, span)
    if after:
        return after
    asked = context.expects(*_KINDS)
    strong = [a for a in context.asked if a.strong]
    if asked is not None and (asked is strong[0] or turn.is_answer or span.month):
        fits = _answers(turn, span, asked.kind, asked.found >= 5)
        return asked.kind if fits else ""
    if context.kind == "card_number" and context.quiet <= 3 and _is_expiry(span):
        return "card_expiry"
    if context.kind in _KINDS and context.quiet <= 4:
        return context.kind if _repeats(turn, span) else ""
    return ""


def _is_expiry(span: Span) -> bool:
    """Month and year of the coming years: ``04/27``, ``oh four twenty seven``."""
    digits = "".join(part.removeprefix("m").zfill(2) for part in span.parts if part[:4] != "m")
    digits = "".join(c for c in digits if c.isdigit())
    digits = digits[:2] + digits[4:] if len(digits) == 6 and digits[2:4] == "20" else digits
    return len(digits) == 4 and 1 <= int(digits[:2]) <= 12 and 24 <= int(digits[2:]) <= 39


def _named_after(turn: Turn, span: Span) -> str:
    """``march third eighty two is my birthday``."""
    for cue in turn.cues:
        between = [t.norm for t in turn.tokens[span.last + 1 : cue.first]]
        if cue.kind == "date_of_birth" and 0 < len(between) <= 4 and "is" in between and span.full:
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
        usual = all(t.norm in STOP or is_glue(t) for t in gap)
        return usual and (span.full or len(span.parts[0]) >= 3 or span.month)
    near = all(t.norm in STOP or is_glue(t) for t in gap) and len(gap) <= 8
    return near or span.full


def _answers(turn: Turn, span: Span, kind: str, done: bool) -> bool:
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

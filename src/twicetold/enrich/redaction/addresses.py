"""Addresses: a street with its number wherever one stands, and all parts where one was asked."""

from __future__ import annotations

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.guards import guard_of, is_noun
from twicetold.enrich.redaction.places import STATES, SUFFIXES, UNITS
from twicetold.enrich.redaction.streets import (
    Span,
    cased_in,
    one_word_streets,
    streets_in,
)
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn, is_glue, text_between
from twicetold.enrich.redaction.vocabulary import FILLERS, STOP, words

_MOST_TAIL = 14
_KINDS = ("address", "postcode")
_COPULAS = words("is it's its that's thats at was to on in live we're i'm")
_TRAILING = FILLERS | words("please thanks thank in at on the of")
_JOINS = words(
    "comma next in um uh er and that's thats it's its zip code postcode postal the is of at then"
)
_QUESTIONS = words(
    "what which who where when why how whose can could would do does did is are have"
)
_CLAUSES = words("you i it it's its that's thats and if which where we on the with near by")
_NO_PLACES = words("aye driver doctor please me two-way uk usa england america")
_OTHER_ANSWER = words(
    "before usual past quarter half tomorrow today tonight noon midnight morning afternoon am "
    "pm minutes "
    "let find hold remember know moved move changed change same different wrong right correct "
    "not open closed closes records show still just called calling think yet already mine "
    "between"
)


def addresses_in(turn: Turn, context: Context) -> list[Mark]:
    """The addresses of a turn, or the parts of one that it gives for an answer."""
    cues = [c for c in turn.cues if c.kind in _KINDS]
    cued = [c.end for c in cues if c.strong or c.end - c.first > 1]
    strong = [a for a in context.asked if a.strong and not a.stale][:2]
    near = any(a.kind in _KINDS for a in strong)
    going_on = context.kind in _KINDS and context.quiet <= 2
    named = bool(cued) or near or going_on
    spans = [_with_tail(turn, span, named) for span in streets_in(turn, named)]
    asks = bool(turn.tokens) and turn.tokens[0].norm in _QUESTIONS
    spans = _joined(spans + [_with_tail(turn, span, named) for span in cased_in(turn, named)])
    spans = _joined(spans + [_with_tail(turn, span, named) for span in one_word_streets(turn)])
    if not spans and cued and not asks:
        spans = [span for end in cued for span in _after_cue(turn, end)]
    if near and not turn.is_backchannel:
        spans = _joined(spans + _asked_for(turn, context))
    if not spans and going_on:
        spans = _goes_on(turn)
    return _marks(turn, spans or _numbered(turn))


def _numbered(turn: Turn) -> list[Span]:
    """``at number three the maltings``."""
    for at in range(len(turn.tokens) - 2):
        norms = [token.norm for token in turn.tokens[at : at + 2]]
        run = turn.run_at(at + 2) if norms[0] == "at" and norms[1] in ("number", "no") else None
        if run is not None and run.digits <= 4:
            return [_with_tail(turn, (run.first, run.last), asked=True)]
    return []


def _marks(turn: Turn, spans: list[Span]) -> list[Mark]:
    marks, end = [], -1
    for first, last in sorted(spans):
        if last <= end or last < first:
            continue
        start = max(first, end + 1)
        if all(_names_a_part(turn, at) for at in range(start, last + 1)):
            continue
        text = text_between(turn.tokens, start, last)
        marks.append(Mark(turn.index, start, last, "address", text))
        end = last
    return marks


def _names_a_part(turn: Turn, at: int) -> bool:
    """ "Floor", "which plot": what is asked for, and no address."""
    token = turn.tokens[at]
    part = token.norm in SUFFIXES | UNITS | STOP | _NO_PLACES
    return not turn.run_at(at) and (part or is_glue(token))


def _joined(spans: list[Span]) -> list[Span]:
    """Spans that overlap or touch, as one."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


# --- town, state and code behind a street --------------------------------------------------


def _with_tail(turn: Turn, span: Span, asked: bool) -> Span:
    """What goes on behind a street; where no address was asked, only to a state or a code."""
    tokens, (first, last) = turn.tokens, span
    end, sure = last, last
    if tokens[last].ends and not asked:
        return span
    rest = range(last + 1, len(tokens))
    if not asked and 0 < len(rest) <= 3 and all(_goes_with(turn, at) for at in rest):
        return first, len(tokens) - 1  # the town ends the turn
    for at in range(last + 1, min(len(tokens), last + 1 + _MOST_TAIL)):
        token = tokens[at]
        if token.norm in SUFFIXES | UNITS or _goes_with(turn, at):
            end = at
            shaped = token.norm in STATES or turn.run_at(at) or token.norm in UNITS
            if shaped or token.raw[:1].isupper():
                sure = at
        elif token.norm not in _JOINS:
            break
        if token.ends and not (at + 1 < len(tokens) and turn.run_at(at + 1)):
            break
    return first, _trimmed(turn, first, end if asked else sure)


def _goes_with(turn: Turn, at: int) -> bool:
    """Whether a token can be part of an address behind its street."""
    run = turn.run_at(at)
    if run is not None:
        part = run.first > 0 and turn.tokens[run.first - 1].norm in UNITS
        return (part or guard_of(turn.tokens, run) in ("", "count")) and run.size <= 10
    token = turn.tokens[at]
    plain = token.sort in (Sort.WORD, Sort.ORDINAL) and not is_glue(token)
    return plain and token.norm not in STOP | _OTHER_ANSWER and not _in_cue(turn, at)


def _in_cue(turn: Turn, at: int) -> bool:
    """Whether a token names a kind: "postcode", "zip"; streets and towns may."""
    return any(
        c.first <= at < c.end and c.kind and turn.tokens[at].norm not in SUFFIXES | UNITS
        for c in turn.cues
        if c.strong
    )


def _trimmed(turn: Turn, first: int, last: int) -> int:
    while last > first and turn.tokens[last].norm in _TRAILING and not turn.run_at(last):
        last -= 1
    return last


# --- answers -----------------------------------------------------------------------------


def _after_cue(turn: Turn, end: int) -> list[Span]:
    """``my address is …``, ``i live at …``."""
    tokens, at = turn.tokens, end
    direct = tokens[end - 1].norm in _COPULAS or tokens[end - 1].norm.endswith("'s")
    while at < len(tokens) and at - end < 5 and (tokens[at].norm in STOP or is_glue(tokens[at])):
        direct = direct or tokens[at].norm in _COPULAS or tokens[at].norm.endswith("'s")
        if tokens[at].ends or turn.run_at(at):
            break
        at += 1
    if not direct or at >= len(tokens) or not _goes_with(turn, at):
        return []
    span = _with_tail(turn, (at, at), asked=True)
    numbered = any(span[0] <= run.first <= span[1] and run.digits for run in turn.runs)
    named = _is_shaped(turn, span) and span[1] > span[0]
    capital = tokens[at].raw[:1].isupper()
    part = tokens[end - 1].norm in ("is", "city", "town", "state", "county", "suburb", "name")
    if numbered and not named and is_noun(tokens, at + 1) and span[1] - span[0] < 2:
        return []
    return [span] if numbered or named or capital or part else []


def _is_shaped(turn: Turn, span: Span) -> bool:
    return any(t.norm in SUFFIXES | STATES for t in turn.tokens[span[0] : span[1] + 1])


def _asked_for(turn: Turn, context: Context) -> list[Span]:
    expected = context.expects(*_KINDS)
    if expected is not None and expected.kind == "postcode" and expected.fresh:
        expected = context.expects("address")
    asked = expected is not None and (expected.request or expected.mine)
    if expected is None or not asked or not expected.may_answer(turn.party):
        return []
    if expected.found and expected.fresh > 1 and not context.open:
        return []
    return _answer(turn)


def _answer(turn: Turn) -> list[Span]:
    """All of a turn that is the answer to a question for an address or a part of it."""
    tokens = turn.tokens
    norms = [t.norm for t in tokens if t.norm not in FILLERS]
    if (
        not norms
        or (norms[0] in _QUESTIONS and len(norms) > 2)
        or (len(norms) > 4 and tokens[-1].raw.endswith("?"))
    ):
        return []
    if any(c.strong and c.kind not in ("", "any", *_KINDS) for c in turn.cues):
        return []
    at = _lead(turn)
    if at >= len(tokens) or not _goes_with(turn, at):
        return []
    if at and tokens[at - 1].norm in ("i", "we", "you") and not turn.run_at(at):
        return []  # "i bought …"
    first, last = _with_tail(turn, (at, at), asked=True)
    rest = [
        t
        for at, t in enumerate(tokens[last + 1 :], last + 1)
        if not (is_glue(t) or t.norm in STOP or _is_code(turn, at))
    ]
    if tokens[last].ends:
        rest = []
    numbered = any(turn.run_at(place) for place in range(first, last + 1))
    clause = last + 1 < len(tokens) and tokens[last + 1].norm in _CLAUSES and last - first < 4
    if len(rest) > (4 if numbered or _is_shaped(turn, (first, last)) or clause else 0):
        return []
    return [(first - 1 if first and tokens[first - 1].norm == "the" else first, last)]


def _is_code(turn: Turn, at: int) -> bool:
    """Whether a postcode can stand there."""
    run = turn.run_at(at)
    return run is not None and run.size >= 5


def _lead(turn: Turn) -> int:
    """Where the answer begins behind "yes", "it's", "that would be"."""
    tokens, at = turn.tokens, 0
    led = [
        p for p, t in enumerate(tokens[:12]) if t.norm in ("it's", "its", "that's", "at", "from")
    ]
    said = tokens[: led[-1]] if led else []
    spoken = all(is_glue(t) or t.norm in STOP - {"and"} for t in said[-3:])
    if led and spoken and not any(turn.run_at(p) for p in range(led[-1])):
        at = led[-1] + 1
    while at < len(tokens) and not turn.run_at(at):
        token = tokens[at]
        if not (is_glue(token) or token.norm in STOP or _in_cue(turn, at)):
            break
        at += 1
    return at


def _goes_on(turn: Turn) -> list[Span]:
    """``springfield illinois`` in the turn behind the street: to a state's name."""
    at = _lead(turn)
    if at >= len(turn.tokens):
        return []
    span = _with_tail(turn, (at, at), asked=False)
    found = any(t.norm in STATES for t in turn.tokens[span[0] : span[1] + 1])
    return [span] if found else []

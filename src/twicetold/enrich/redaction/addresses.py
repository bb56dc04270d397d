"""Addresses: a street with its number wherever one stands, and all parts where one was asked."""

from __future__ import annotations

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.guards import guard_of, is_noun
from twicetold.enrich.redaction.places import DIRECTIONS, STATES, SUFFIXES, UNITS, VAGUE_SUFFIXES
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn, is_glue, text_between
from twicetold.enrich.redaction.vocabulary import FILLERS, STOP, words

_MOST_NAME = 4
_MOST_TAIL = 14
_NOT_IN_A_NAME = words(
    "way street block blocks down hour hours minute minutes mile miles day days percent "
    "dollars dollar pound pounds star people lane one two-way busy main? same whole entire "
    "per years year times month months week weeks side end corner kids cars bedroom bed gig "
    "megabit speed degree items orders calls tickets point"
)
_COPULAS = words("is it's its that's thats at was to on in live")
_TRAILING = FILLERS | words("please thanks thank in at on the of")
_JOINS = frozenset(
    {
        "comma",
        "in",
        "um",
        "uh",
        "er",
        "and",
        "that's",
        "it's",
        "zip",
        "code",
        "postcode",
        "postal",
        "the",
        "is",
        "of",
        "at",
        "then",
    }
)
_QUESTIONS = words("what which who where when why how whose can could would do does did is are")
_OTHER_ANSWER = words(
    "let find hold remember know moved move changed change same different wrong right correct "
    "not still just called calling think yet already mine new old"
)


def addresses_in(turn: Turn, context: Context) -> list[Mark]:
    """The addresses of a turn, or the parts of one that it gives for an answer."""
    cues = [c for c in turn.cues if c.kind in ("address", "postcode")]
    cued = [c.end for c in cues if c.strong or c.end - c.first > 1]
    expected = context.expects("address")
    strong = [a for a in context.asked if a.strong]
    near = expected is not None and any(a.kind in ("address", "postcode") for a in strong[:2])
    streets = _streets(turn, named=bool(cued) or near)
    spans = [
        _with_tail(turn, span, bool(cued) or near or context.kind == "address") for span in streets
    ]
    if not spans and cued:
        spans = [span for end in cued for span in _after_cue(turn, end)]
    if expected is not None and expected.found and expected.fresh > 1 and not context.open:
        near = False
    if not spans and near and expected and not turn.is_backchannel:
        spans = _answer(turn) if expected.may_answer(turn.party) else []
    elif not spans and context.kind == "address" and context.quiet <= 3:
        spans = _goes_on(turn)
    marks, end = [], -1
    for first, last in sorted(spans):
        if first > end and last >= first:
            marks.append(
                Mark(turn.index, first, last, "address", text_between(turn.tokens, first, last))
            )
            end = last
    return marks


# --- streets -----------------------------------------------------------------------------


def _streets(turn: Turn, named: bool) -> list[tuple[int, int]]:
    """``forty two garden street``, ``flat 2 14 kings road``; without a number only if ``named``."""
    found, tokens = [], turn.tokens
    for at, token in enumerate(tokens):
        if token.norm not in SUFFIXES or (token.norm in VAGUE_SUFFIXES and not _numbered(turn, at)):
            continue
        if token.norm == "st" and at + 1 < len(tokens) and tokens[at + 1].sort is Sort.ORDINAL:
            continue
        first = _start(turn, at, named)
        if first is not None:
            found.append((first, _unit_after(turn, at)))
    return found


def _numbered(turn: Turn, at: int) -> bool:
    return any(run.last < at and at - run.last <= _MOST_NAME for run in turn.runs)


def _start(turn: Turn, suffix: int, named: bool) -> int | None:
    """Where the street begins whose suffix stands there."""
    tokens, at = turn.tokens, suffix - 1
    while at >= 0 and suffix - at <= _MOST_NAME and _is_name(turn, at):
        at -= 1
    if at == suffix - 1 and not _run_at(turn, at):
        return None
    run = _run_at(turn, at)
    if run is not None and not run.letters > 3 and run.digits and run.digits <= 6:
        if not named and guard_of(tokens, run) in ("unit", "decimal", "counted", "time"):
            return None
        return _unit_before(turn, _number_before(turn, run.first) if named else run.first)
    return at + 1 if named and at + 1 < suffix else None


def _is_name(turn: Turn, at: int) -> bool:
    token = turn.tokens[at]
    if token.ends or (token.pauses and token.sort is not Sort.WORD) or _run_at(turn, at):
        return False
    if token.sort in (Sort.ORDINAL, Sort.MONTH) or token.norm in DIRECTIONS:
        return True
    return (
        token.sort is Sort.WORD
        and token.norm not in STOP
        and not is_glue(token)
        and token.norm not in _NOT_IN_A_NAME
    )


def _run_at(turn: Turn, at: int) -> Run | None:
    return next((run for run in turn.runs if run.first <= at <= run.last), None)


def _number_before(turn: Turn, first: int) -> int:
    """ "House number 42 by 7": where the number begins that ends there."""
    at = first - 1
    while at >= 0 and not turn.tokens[at].ends:
        norm = turn.tokens[at].norm
        if not (
            _run_at(turn, at)
            or norm in UNITS
            or norm in ("by", "number", "no", "plot", "door", "slash")
        ):
            break
        if norm not in ("by", "number", "no", "slash"):
            first = at
        at -= 1
    return first


def _unit_before(turn: Turn, first: int) -> int:
    """ "Flat 2" before the number."""
    at = first - 1
    while at >= 0 and turn.tokens[at].norm in _TRAILING and first - at < 3:
        at -= 1
    run = _run_at(turn, at) if at >= 0 else None
    before = run.first - 1 if run is not None else at
    if before >= 0 and turn.tokens[before].norm in UNITS:
        return before
    return first


def _unit_after(turn: Turn, last: int) -> int:
    """ "Apartment 4 b" behind the street; "north west" too."""
    tokens = turn.tokens
    while last + 1 < len(tokens) and tokens[last + 1].norm in DIRECTIONS and not tokens[last].ends:
        last += 1
    at = last + 1
    while at < len(tokens) and (tokens[at].norm in ("um", "uh", "and", "comma")):
        at += 1
    if at + 1 < len(tokens) and (tokens[at].norm in UNITS or tokens[at].raw.startswith("#")):
        run = _run_at(turn, at + 1)
        if run is not None:
            return run.last
        if tokens[at + 1].norm in ("a", "b", "c", "d", "e", "f"):
            return at + 1
    return last


# --- town, state and code behind a street --------------------------------------------------


def _with_tail(turn: Turn, span: tuple[int, int], asked: bool) -> tuple[int, int]:
    """What goes on behind a street; where no address was asked, only to a state or a code."""
    tokens, (first, last) = turn.tokens, span
    end, sure = last, last
    for at in range(last + 1, min(len(tokens), last + 1 + _MOST_TAIL)):
        token = tokens[at]
        if token.norm in SUFFIXES | UNITS or _goes_with(turn, at):
            end = at
            if token.norm in STATES or _run_at(turn, at) or (token.raw[:1].isupper() and asked):
                sure = at
        elif token.norm not in _JOINS:
            break
        if tokens[at].ends and not (at + 1 < len(tokens) and _run_at(turn, at + 1)):
            break
    return first, _trimmed(turn, first, end if asked else sure)


def _goes_with(turn: Turn, at: int) -> bool:
    run = _run_at(turn, at)
    if run is not None:
        return guard_of(turn.tokens, run) in ("", "count") and run.size <= 10
    token = turn.tokens[at]
    plain = token.sort in (Sort.WORD, Sort.ORDINAL) and not is_glue(token)
    return plain and token.norm not in STOP | _OTHER_ANSWER


def _trimmed(turn: Turn, first: int, last: int) -> int:
    while last > first and turn.tokens[last].norm in _TRAILING and not _run_at(turn, last):
        last -= 1
    return last


# --- answers -----------------------------------------------------------------------------


def _after_cue(turn: Turn, end: int) -> list[tuple[int, int]]:
    """``my address is …``, ``i live at …``."""
    tokens = turn.tokens
    at = end
    direct = tokens[end - 1].norm in _COPULAS or tokens[end - 1].norm.endswith("'s")
    while at < len(tokens) and at - end < 5 and (tokens[at].norm in STOP or is_glue(tokens[at])):
        direct = direct or tokens[at].norm in _COPULAS or tokens[at].norm.endswith("'s")
        if tokens[at].ends or _run_at(turn, at):
            break
        at += 1
    if not direct or at >= len(tokens) or not (_goes_with(turn, at) or _run_at(turn, at)):
        return []
    first, last = _with_tail(turn, (at, at), asked=True)
    numbered = any(first <= run.first <= last and run.digits for run in turn.runs)
    named = any(t.norm in SUFFIXES | STATES for t in tokens[first : last + 1])
    capital = tokens[first].raw[:1].isupper()
    asked_part = tokens[end - 1].norm in ("is", "city", "town", "state", "county", "suburb", "name")
    if is_noun(tokens, at + 1) and numbered and not named and last - first < 2:
        return []
    return [(first, last)] if numbered or named or capital or asked_part else []


def _answer(turn: Turn) -> list[tuple[int, int]]:
    """All of a turn that is the answer to a question for an address or a part of it."""
    tokens = turn.tokens
    words = [t.norm for t in tokens if t.norm not in FILLERS]
    if not words or (words[0] in _QUESTIONS and len(words) > 2) or tokens[-1].raw.endswith("?"):
        return []
    if any(c.strong and c.kind not in ("", "any", "address", "postcode") for c in turn.cues):
        return []
    at = _lead(turn)
    if at >= len(tokens) or not _goes_with(turn, at):
        return []
    first, last = _with_tail(turn, (at, at), asked=True)
    rest = [t for t in tokens[last + 1 :] if not (is_glue(t) or t.norm in STOP)]
    shaped = any(_run_at(turn, p) for p in range(first, last + 1)) or any(
        t.norm in SUFFIXES | STATES for t in tokens[first : last + 1]
    )
    return [(first, last)] if len(rest) <= (4 if shaped else 0) else []


def _lead(turn: Turn) -> int:
    """Where the answer begins behind "yes", "it's", "that would be"."""
    tokens, at = turn.tokens, 0
    while (
        at < len(tokens)
        and not _run_at(turn, at)
        and (
            is_glue(tokens[at])
            or tokens[at].norm in STOP
            or any(
                c.first <= at < c.end and tokens[at].norm not in SUFFIXES
                for c in turn.cues
                if c.kind == "address"
            )
        )
    ):
        at += 1
    return at


def _goes_on(turn: Turn) -> list[tuple[int, int]]:
    """``springfield illinois`` in the turn behind the street: to a state's name."""
    at = _lead(turn)
    if at >= len(turn.tokens) or not turn.tokens:
        return []
    first, last = _with_tail(turn, (at, at), asked=False)
    found = any(t.norm in STATES for t in turn.tokens[first : last + 1])
    return [(first, last)] if found else []

"""Streets with their numbers, as they are spoken and written."""

from __future__ import annotations

import re

from twicetold.enrich.redaction.guards import guard_of
from twicetold.enrich.redaction.places import (
    BUILDINGS,
    DIRECTIONS,
    PREFIXES,
    SUFFIXES,
    UNITS,
    VAGUE_SUFFIXES,
)
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Turn, glue_only, is_glue
from twicetold.enrich.redaction.vocabulary import STOP, words

_MOST_NAME = 4
_NOT_IN_A_NAME = words(
    "eastern pacific central mountain monday tuesday wednesday thursday friday saturday "
    "sunday way street block blocks down hour hours minute minutes mile miles day days "
    "percent dollars dollar pound pounds star people lane one two-way busy same whole entire "
    "per years year times month months week weeks side end kids cars open closed closes "
    "corner bedroom bed gig megabit speed degree items orders calls tickets point double "
    "single door storey story rooms"
)
_HARD_GUARDS = ("unit", "decimal", "counted", "price", "model")
_LEADS = words("at is it's its that's to from")
_BEFORE_NUMBER = words("by number no plot door slash")

_PARTS = UNITS | SUFFIXES | BUILDINGS

Span = tuple[int, int]


def streets_in(turn: Turn, named: bool) -> list[Span]:
    """First and last token of each street. ``named``: an address is being spoken of, so that a
    street needs no number, and a number no street's suffix."""
    found: list[Span] = []
    pairs = _has_pairs(turn)
    for at, token in enumerate(turn.tokens):
        if found and found[-1][1] >= at:
            continue
        span = _at_suffix(turn, at, named, pairs) if token.norm in SUFFIXES | BUILDINGS else None
        span = span or _numbered_name(turn, at, named)
        if span is None and token.norm in PREFIXES:
            span = _prefixed(turn, at)
        if span is None and token.norm == "box":
            span = _box(turn, at)
        paired = pairs and token.norm in UNITS | BUILDINGS
        if span is None and ((named and token.norm in UNITS) or paired):
            span = _unit(turn, at)
        if span is not None:
            found = [each for each in found if each[1] < span[0]]
            found.append(span)
    return found


# --- number, name, suffix ------------------------------------------------------------------


def _at_suffix(turn: Turn, at: int, named: bool, pairs: bool) -> Span | None:
    """``forty two garden street``, ``flat 2 14 kings road``, ``garden street``."""
    norm = turn.tokens[at].norm
    before = range(max(0, at - _MOST_NAME), at)
    numbered = any((run := turn.run_at(place)) and run.last < at for place in before)
    housed = norm in SUFFIXES and any(turn.tokens[place].norm in BUILDINGS for place in before)
    named = named or (housed and norm not in VAGUE_SUFFIXES) or pairs
    opens = named and norm in BUILDINGS and glue_only(turn.tokens, 0, max(0, at - 2))
    if (norm in VAGUE_SUFFIXES or norm in BUILDINGS) and not (numbered or opens):
        return None
    first = _start(turn, at, named)
    return None if first is None else (first, _end(turn, at))


def _start(turn: Turn, suffix: int, named: bool) -> int | None:
    tokens, at = turn.tokens, suffix - 1
    while at >= 0 and suffix - at <= _MOST_NAME and is_name(turn, at):
        at -= 1
    names = suffix - 1 - at
    article = at > 0 and (named and tokens[at].norm == "the")
    if at > 0 and len(tokens[at].norm) == 1 and tokens[at].norm.isalpha() and turn.run_at(at - 1):
        at -= 1  # twenty a
    run = turn.run_at(at - 1 if article else at)
    if run is not None and run.digits and run.digits <= 6 and run.letters <= 3:
        hard = guard_of(tokens, run) in _HARD_GUARDS
        if (hard and not named) or not (names or article):
            return None
        return _with_unit(turn, _number_before(turn, run.first) if named else run.first)
    if not named or not names:
        return None
    return at if article else at + 1


def is_name(turn: Turn, at: int) -> bool:
    """Whether a token can be part of a street's name."""
    token = turn.tokens[at]
    if token.norm in UNITS and turn.run_at(at + 1):
        return False
    if token.ends or (token.pauses and token.sort is not Sort.WORD) or turn.run_at(at):
        return False
    if token.sort in (Sort.ORDINAL, Sort.MONTH) or token.norm in DIRECTIONS:
        return True
    plain = token.sort is Sort.WORD and token.norm not in STOP and not is_glue(token)
    return plain and token.norm not in _NOT_IN_A_NAME


def _number_before(turn: Turn, first: int) -> int:
    """ "House number 42 by 7": where the number begins that ends there."""
    at = first - 1
    while at >= 0 and not turn.tokens[at].ends:
        norm = turn.tokens[at].norm
        if not (turn.run_at(at) or norm in UNITS or norm in _BEFORE_NUMBER):
            break
        if norm in UNITS or norm in ("no", "plot", "door") or turn.run_at(at):
            first = at
        at -= 1
    return first


def _with_unit(turn: Turn, first: int) -> int:
    """ "Flat 2" before the number."""
    while True:
        at = first - 1
        while at >= 0 and is_glue(turn.tokens[at]) and first - at < 3:
            at -= 1
        run = turn.run_at(at) if at >= 0 else None
        before = run.first - 1 if run is not None else at
        if run is None and before > 0 and len(turn.tokens[before].norm) == 1:
            before -= 1  # block c
        if before < 0 or turn.tokens[before].norm not in UNITS:
            return first
        first = before


def _end(turn: Turn, last: int) -> int:
    """Behind the street: "north west", "apartment 4 b", the number of a county road."""
    tokens = turn.tokens
    behind = last + 1
    if behind < len(tokens) and tokens[behind].norm in ("number", "no") and not tokens[last].ends:
        behind += 1
    number = turn.run_at(behind) if behind < len(tokens) and not tokens[last].ends else None
    if number is not None and number.digits <= 4 and guard_of(tokens, number) in ("", "count"):
        last = number.last  # church road number 14
    while last + 1 < len(tokens) and tokens[last + 1].norm in DIRECTIONS and not tokens[last].ends:
        last += 1
    at = last + 1
    while at < len(tokens) and tokens[at].norm in ("um", "uh", "and", "comma"):
        at += 1
    if at + 1 < len(tokens) and (tokens[at].norm in UNITS or tokens[at].raw.startswith("#")):
        run = turn.run_at(at + 1)
        if run is not None:
            return run.last
        if tokens[at + 1].norm in ("a", "b", "c", "d", "e", "f"):
            return at + 1
    return last


# --- number and name without a suffix ------------------------------------------------------


def _numbered_name(turn: Turn, at: int, named: bool) -> Span | None:
    """``nine hundred west monroe``, ``155 juniper unit 6``."""
    run = turn.run_at(at)
    if run is None or run.first != at or not run.digits or run.digits > 6 or run.letters > 2:
        return None
    tokens, end = turn.tokens, run.last + 1
    if tokens[run.last].ends or guard_of(tokens, run) in _HARD_GUARDS:
        return None
    while end < len(tokens) and end - run.last <= 3 and is_name(turn, end):
        end += 1
        if tokens[end - 1].pauses:
            break
    names = [token.norm for token in tokens[run.last + 1 : end]]
    if not names or (end < len(tokens) and tokens[end].norm in SUFFIXES):
        return None
    unit = end + 1 < len(tokens) and tokens[end].norm in UNITS and turn.run_at(end + 1)
    directed = named and names[0] in DIRECTIONS and len(names) > 1
    directed = directed or (names[0] in PREFIXES and len(names) > 1)
    ordinal = any(token.sort is Sort.ORDINAL for token in tokens[run.last + 1 : end])
    directed = directed or (names[0] in DIRECTIONS and ordinal)
    before = tokens[run.first - 1].norm if run.first else ""
    led = named and before in _LEADS and not names[0].endswith("s") and len(names[0]) > 3
    return (run.first, _end(turn, end - 1)) if unit or directed or led else None


_STREETS_OF_ONE_WORD = re.compile(
    r"[a-zäöüß]{3,}(strasse|straße|strase|gasse|platz|weg|allee|ufer|straat|laan|plein|gatan|"
    r"gata|vej|veien)"
)


def one_word_streets(turn: Turn) -> list[Span]:
    """``lindenstrasse 48``: the number behind, letters that spell it between them or not."""
    found = []
    for at, token in enumerate(turn.tokens):
        if _STREETS_OF_ONE_WORD.fullmatch(token.norm):
            run = turn.run_at(at + 1)
            numbered = run is not None and run.digits <= 4 and not run.letters > 1
            found.append((at, run.last if run is not None and numbered else at))
    return found


def _has_pairs(turn: Turn) -> bool:
    """ "House 14 road 7 sector 4": two names of parts with a number behind each."""
    pairs = sum(
        token.norm in _PARTS and turn.run_at(at + 1) is not None
        for at, token in enumerate(turn.tokens[:-1])
    )
    return pairs >= 2


def _prefixed(turn: Turn, at: int) -> Span | None:
    """``calle mayor twelve``, ``rue de rivoli 24``."""
    end = at + 1
    while (
        end < len(turn.tokens)
        and end - at <= _MOST_NAME
        and (is_name(turn, end) or turn.tokens[end].norm in _ARTICLES)
    ):
        end += 1
    run = turn.run_at(end) if end < len(turn.tokens) and end > at + 1 else None
    return (at, run.last) if run is not None and run.digits <= 4 else None


_ARTICLES = words("de la le les du des del della di da do dos los las")


def _box(turn: Turn, at: int) -> Span | None:
    """``p o box 7``, ``rural route two box one forty``."""
    said = [token.norm for token in turn.tokens[:at]]
    run = turn.run_at(at + 1) if at + 1 < len(turn.tokens) else None
    if run is None:
        return None
    for lead in (["p", "o"], ["po"], ["post", "office"], ["p.o"]):
        if said[-len(lead) :] == lead:
            return at - len(lead), run.last
    before = turn.run_at(at - 1) if at else None
    if before is not None and before.value.startswith("RR") and before.digits:
        return before.first, run.last
    if before is not None and said[: before.first][-1:] in (["route"], ["rr"]):
        rural = before.first - 2 if said[before.first - 2 :][:1] == ["rural"] else before.first - 1
        return rural, run.last
    return None


def cased_in(turn: Turn, named: bool) -> list[Span]:
    """``12 Rosewood, Clonmel``: by its capitals, where a recogniser writes them."""
    tokens, found = turn.tokens, []
    for at, token in enumerate(tokens):
        number = token.sort in (Sort.DIGITS, Sort.CODE) and len(token.value) <= 5
        slashed = token.sort is Sort.DATE and token.norm.count("/") == 1
        if not (number or slashed) or token.ends or token.norm[:1] == "0":
            continue
        end = at + 1
        while end < len(tokens) and end - at <= _MOST_NAME and _is_capital(turn, end):
            end += 1
            if tokens[end - 1].pauses or tokens[end - 1].ends:
                break
        names = [each.norm for each in tokens[at + 1 : end]]
        suffixed = any(norm in SUFFIXES | BUILDINGS for norm in names[1:] or names)
        town = end < len(tokens) and tokens[end - 1].pauses and _is_capital(turn, end)
        if names and (suffixed or (not slashed and (named or (town and at > 0)))):
            found.append((_with_unit(turn, at), end - 1))
    return found


def _is_capital(turn: Turn, at: int) -> bool:
    token = turn.tokens[at]
    plain = token.sort is Sort.WORD and token.raw[:1].isupper() and not token.raw[1:2].isupper()
    return plain and token.norm not in _NOT_IN_A_NAME


def _unit(turn: Turn, at: int) -> Span | None:
    """``flat 12``, ``unit 210``, ``flat number three``."""
    place = at + 1
    if place < len(turn.tokens) and turn.tokens[place].norm in ("number", "no"):
        place += 1
    run = turn.run_at(place) if place < len(turn.tokens) else None
    if run is None or guard_of(turn.tokens, run) in _HARD_GUARDS:
        return None
    return at, run.last

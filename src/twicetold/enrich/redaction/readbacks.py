"""What was found once is found again wherever it is repeated, in whole or in groups."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from twicetold.enrich.redaction.datespans import Span, spans_of
from twicetold.enrich.redaction.guards import guard_of
from twicetold.enrich.redaction.places import SUFFIXES, UNITS
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn
from twicetold.enrich.redaction.vocabulary import (
    BACKCHANNEL,
    FILLERS,
    MONTHS,
    PHONETIC,
    STOP,
    words,
)

_WORDED = frozenset({"email", "address", "password", "security_answer", "username", "name"})
_SHORTEST, _NEAR, _SHORTEST_TEXT = 3, 8, 5
_COMMON = (
    STOP
    | FILLERS
    | BACKCHANNEL
    | set(MONTHS)
    | UNITS
    | SUFFIXES
    | words(
        "dot at dash underscore com org net street road avenue drive lane city town north south "
        "east west gmail yahoo hotmail outlook example mail email blue red green black white "
        "first last home work house time account number card phone code name people park high "
        "school will mark grace hope rose bill day date year new old king queen apartment flat "
        "unit suite hill court place way close square church main station bank post office "
        "service order help call line"
    )
)


@dataclass(slots=True)
class _Value:
    kind: str
    value: str
    turns: list[int] = field(default_factory=list)


def repeated(
    turns: Sequence[Turn], marks: Sequence[Mark], among: Sequence[Turn] | None = None
) -> list[Mark]:
    """More marks: the same values, or parts of them, in places that were not marked. ``turns`` are
    those that have marks, and more; ``among`` those that are looked through, all unless given."""
    taken = {(m.turn, at) for m in marks for at in range(m.first, m.last + 1)}
    of = {turn.index: turn for turn in turns}
    numbers, texts, dates = _numbers(marks), _texts(of, marks), _dates(marks)
    told = _words(of, marks)
    known = {piece for value in numbers for piece in _pieces(_even(value.value))}
    found: list[Mark] = []
    for turn in turns if among is None else among:
        for mark in (
            *_same_numbers(turn, numbers, known),
            *_same_texts(turn, texts),
            *_same_dates(turn, dates),
            *_same_words(turn, told),
        ):
            places = {(turn.index, at) for at in range(mark.first, mark.last + 1)}
            if not places <= taken:
                found.append(replace(mark, also=_also(mark, marks)))
                taken |= places
    return found


def _also(mark: Mark, marks: Sequence[Mark]) -> str:
    """What else it is: as the last one of its kind before it."""
    before = (m for m in reversed(marks) if m.kind == mark.kind and m.turn <= mark.turn)
    return next((m.also for m in before), "")


# --- digits and letters ------------------------------------------------------------------


def _numbers(marks: Iterable[Mark]) -> list[_Value]:
    """The values of digits and letters; those of neighbouring turns also joined."""
    values: list[_Value] = []
    joined: dict[str, _Value] = {}
    for mark in sorted(marks, key=lambda m: (m.turn, m.first)):
        if mark.kind in _WORDED and mark.kind != "name":
            if mark.kind != "address":
                parts = re.findall(r"\d{4,}", mark.value)
                values += [_Value(mark.kind, part, [mark.turn]) for part in parts]
            continue
        value = re.sub(r"[^A-Z0-9]", "", mark.value.upper())
        before = joined.get(mark.kind)
        if before is not None and mark.turn - before.turns[-1] <= 3:
            before.value += value
            before.turns.append(mark.turn)
        else:
            joined[mark.kind] = _Value(mark.kind, value, [mark.turn])
            values.append(joined[mark.kind])
        values.append(_Value(mark.kind, value, [mark.turn]))
    return [v for v in values if len(v.value) >= _SHORTEST]


def _pieces(value: str) -> Iterator[str]:
    """All stretches of three: what shares none of them with any value is no part of one."""
    return (value[at : at + _SHORTEST] for at in range(len(value) - _SHORTEST + 1))


def _same_numbers(turn: Turn, values: Sequence[_Value], known: set[str]) -> Iterator[Mark]:
    for run in turn.runs:
        if run.size > 2 and known.isdisjoint(_pieces(_even(run.value))):
            continue
        kind = _same_number(turn, run, values)
        if kind:
            yield Mark(turn.index, run.first, run.last, kind, run.value)


def _same_number(turn: Turn, run: Run, values: Sequence[_Value]) -> str:
    said = _even(run.value)
    if run.size == 2 and run.letters == 1:
        ends = (v for v in values if v.turns[-1] in range(turn.index - 4, turn.index + 1))
        return next((v.kind for v in ends if _even(v.value).endswith(said)), "")
    if run.size < _SHORTEST:
        return ""
    if run.size < 6 and guard_of(turn.tokens, run):
        recent = (v for v in values if turn.index - v.turns[-1] in range(3) and run.size >= 4)
        edges = (
            v for v in recent if _even(v.value).startswith(said) or _even(v.value).endswith(said)
        )
        return next((v.kind for v in edges if turn.is_answer), "")
    for known in values:
        value = _even(known.value)
        near = any(abs(turn.index - at) <= _NEAR for at in known.turns)
        same = said in value or (len(value) >= 4 and value in said)
        sure = len(said) >= 4 or (near and (run.spelled_out or said == value or not run.cardinal))
        if same and sure:
            return known.kind
        if len(said) >= 7 and near and _overlap(said, value) >= 0.6 * len(said):
            return known.kind
    return ""


def _even(value: str) -> str:
    return value.replace("O", "0")


def _overlap(a: str, b: str) -> int:
    """The length of the longest stretch that both have."""
    best = 0
    for start in range(len(a)):
        while start + best < len(a) and a[start : start + best + 1] in b:
            best += 1
    return best


# --- words -------------------------------------------------------------------------------


def _flat(turn: Turn, first: int, last: int) -> Iterator[tuple[int, str]]:
    """Places and what is said there, signs and hesitation left out: ``seventy four`` is 74."""
    runs = {run.first: run for run in turn.runs}
    at = first
    while at <= last:
        run = runs.get(at)
        if run is not None and run.last <= last:
            yield run.first, _even(run.value).lower()
            yield run.last, ""
            at = run.last + 1
            continue
        token = turn.tokens[at]
        if token.sort not in (Sort.SYMBOL, Sort.FILLER):
            yield at, re.sub(r"[^a-z0-9]", "", token.norm)
        at += 1


def _texts(turns: Mapping[int, Turn], marks: Iterable[Mark]) -> dict[str, str]:
    """What data in words come to, letter by letter; an e-mail address also by its halves."""
    texts: dict[str, str] = {}
    for mark in marks:
        if mark.kind not in _WORDED:
            continue
        turn = turns[mark.turn]
        cuts = [at for at in range(mark.first, mark.last) if turn.tokens[at].norm == "at"]
        edges = [mark.first, *(at + 1 for at in cuts[:1]), mark.last + 1]
        for first, end in [(mark.first, mark.last + 1), *itertools.pairwise(edges)]:
            text = "".join(piece for _, piece in _flat(turn, first, end - 1))
            if len(text) >= _SHORTEST_TEXT and text not in _COMMON:
                texts.setdefault(text, mark.kind)
    return texts


def _same_texts(turn: Turn, texts: dict[str, str]) -> Iterator[Mark]:
    if not texts or not turn.tokens:
        return
    pieces = list(_flat(turn, 0, len(turn.tokens) - 1))
    starts: dict[int, int] = {}
    whole = ""
    for at, piece in pieces:
        if piece:
            starts.setdefault(len(whole), at)
        whole += piece
    ends = {}
    length = 0
    for at, piece in pieces:
        length += len(piece)
        ends[length] = at
    for text, kind in texts.items():
        found = whole.find(text)
        while found >= 0:
            first, last = starts.get(found), ends.get(found + len(text))
            if first is not None and last is not None:
                yield Mark(turn.index, first, last, kind, text)
            found = whole.find(text, found + 1)


def _words(turns: Mapping[int, Turn], marks: Iterable[Mark]) -> dict[str, str]:
    """Uncommon words of what was found, and names that were spelled."""
    told: dict[str, str] = {}
    for mark in marks:
        spelled = mark.kind == "name" or (mark.value.isalpha() and mark.value.isupper())
        if spelled and len(mark.value) >= 3:
            told.setdefault(mark.value.lower(), mark.kind)
        if mark.kind not in _WORDED:
            continue
        for token in turns[mark.turn].tokens[mark.first : mark.last + 1]:
            plain = token.sort is Sort.WORD and len(token.norm) >= 4
            if plain and token.norm not in _COMMON and token.norm not in PHONETIC:
                told.setdefault(token.norm, mark.kind)
    return {word: kind for word, kind in told.items() if word not in _COMMON}


def _same_words(turn: Turn, told: dict[str, str]) -> Iterator[Mark]:
    for at, token in enumerate(turn.tokens):
        bare = token.norm[:-2] if token.norm.endswith("'s") else token.norm
        kind = told.get(bare)
        if kind is not None and token.sort is Sort.WORD:
            yield Mark(turn.index, at, at, kind, bare)


# --- dates -------------------------------------------------------------------------------


def _dates(marks: Iterable[Mark]) -> list[frozenset[str]]:
    """Day, month and year of each date of birth or of a card, as far as they are known."""
    found: list[frozenset[str]] = []
    parts: set[str] = set()
    card: set[str] = set()
    for mark in marks:
        if mark.kind == "card_expiry":
            card |= set(_parts(mark.value.split()))
            found.append(frozenset(card))
        if mark.kind == "date_of_birth":
            parts |= set(_parts(mark.value.split()))
            found.append(frozenset(parts))
            if len(parts) >= 3:
                parts = set()
    return [each for each in found if len(each) >= 2]


def _parts(values: Iterable[str]) -> Iterator[str]:
    """Numbers without zeros before them, years by their last two digits."""
    for value in values:
        for number in re.split(r"[/.\-]", value.removeprefix("m")):
            short = number[-2:] if len(number) == 4 else number
            yield short.lstrip("0") or "0"


def _same_dates(turn: Turn, dates: Sequence[frozenset[str]]) -> Iterator[Mark]:
    if not dates:
        return
    for span in spans_of(turn):
        if any(_is_same_date(span, known) for known in dates):
            yield Mark(turn.index, span.first, span.last, "date_of_birth", " ".join(span.parts))


def _is_same_date(span: Span, known: frozenset[str]) -> bool:
    parts = set(_parts(span.parts))
    years = [part[-2:] for part in span.parts if re.fullmatch(r"(19|20)\d\d", part)]
    if years and len(known) > 2 and years[-1].lstrip("0") not in known:
        return False
    if len(span.parts) == 1 and span.parts[0].isdigit():
        return len(span.parts[0]) >= 4 and span.parts[0] in _dictated(known)
    return len(parts & known) >= 2 and len(parts - known) <= 1


def _dictated(known: frozenset[str]) -> set[str]:
    """Day, month and year one behind the other, with zeros or without."""
    if len(known) != 3:
        return set()
    years = [part for part in known if _is_year(part)] or list(known)
    told = set()
    for year in years:
        one, two = [*(known - {year}), "", ""][:2]
        for first, second in ((one, two), (two, one)):
            for century in ("", "19", "20"):
                told.add(f"{first}{second}{century}{year.zfill(2)}")
                told.add(f"{first.zfill(2)}{second.zfill(2)}{century}{year.zfill(2)}")
    return told


def _is_year(part: str) -> bool:
    """Two digits that are no day and no month. A tagged date may hold words as well."""
    return len(part) == 2 and part.isdigit() and int(part) > 31

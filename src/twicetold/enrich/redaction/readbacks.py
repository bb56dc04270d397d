"""What was found once is found again wherever it is repeated, in whole or in groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from twicetold.enrich.redaction.guards import guard_of
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
_SHORTEST, _NEAR = 3, 8
_COMMON = (
    STOP
    | FILLERS
    | BACKCHANNEL
    | set(MONTHS)
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


def repeated(turns: Sequence[Turn], marks: Sequence[Mark]) -> list[Mark]:
    """More marks: the same values, or parts of them, in places that were not marked."""
    taken = {(m.turn, at) for m in marks for at in range(m.first, m.last + 1)}
    numbers, words = _numbers(marks), _words(turns, marks)
    found: list[Mark] = []
    for turn in turns:
        for run in turn.runs:
            if (turn.index, run.first) not in taken:
                kind = _same_number(turn, run, numbers)
                if kind:
                    found.append(Mark(turn.index, run.first, run.last, kind, run.value))
                    taken |= {(turn.index, at) for at in range(run.first, run.last + 1)}
        found += [m for m in _same_words(turn, words) if (turn.index, m.first) not in taken]
    return found


def _numbers(marks: Iterable[Mark]) -> list[_Value]:
    """The values of digits and letters, those of following turns also joined."""
    values: list[_Value] = []
    for mark in sorted(marks, key=lambda m: (m.turn, m.first)):
        if mark.kind in _WORDED and mark.kind != "name":
            continue
        value = re.sub(r"[^A-Z0-9]", "", mark.value.upper())
        last = values[-1] if values else None
        if last is not None and last.kind == mark.kind and mark.turn - last.turns[-1] <= 3:
            last.value += value
            last.turns.append(mark.turn)
        values.append(_Value(mark.kind, value, [mark.turn]))
        if last is not None and last.kind == mark.kind and mark.turn - last.turns[-1] <= 3:
            values[-1], values[-2] = last, values[-1]
    return [v for v in values if len(v.value) >= _SHORTEST]


def _same_number(turn: Turn, run: Run, values: Sequence[_Value]) -> str:
    if run.size < _SHORTEST:
        return ""
    guard = guard_of(turn.tokens, run)
    if guard and run.size < 6:
        return ""
    said = _even(run.value)
    for known in values:
        value = _even(known.value)
        near = any(abs(turn.index - at) <= _NEAR for at in known.turns)
        same = said in value or (len(value) >= 4 and value in said)
        if same and (
            len(said) >= 4 or (near and (run.spelled_out or said == value or not run.cardinal))
        ):
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


def _words(turns: Sequence[Turn], marks: Iterable[Mark]) -> dict[str, str]:
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


def _same_words(turn: Turn, words: dict[str, str]) -> list[Mark]:
    marks = []
    for at, token in enumerate(turn.tokens):
        bare = token.norm[:-2] if token.norm.endswith("'s") else token.norm
        kind = words.get(bare)
        if kind is not None and token.sort is Sort.WORD:
            marks.append(Mark(turn.index, at, at, kind, bare))
    return marks

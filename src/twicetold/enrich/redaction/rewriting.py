"""Marks become stand-ins: one word for one datum, as long as what it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from twicetold.enrich.redaction.policy import Policy
from twicetold.enrich.redaction.turns import Mark, Turn, is_glue
from twicetold.speech.transcript import Segment, Word, text_of

_MOST_BETWEEN = 3  # fillers that go along when both sides of them go


@dataclass(frozen=True, slots=True)
class Removed:
    """What was taken away: its kind, when it was said and by whom, how many words; no value.

    ``segment`` counts those that were given, ``first_word`` the words of that one.
    """

    kind: str
    start: float
    end: float
    channel: int
    speaker: str | None
    words: int
    segment: int = 0
    first_word: int = 0


@dataclass(slots=True)
class _Hole:
    """Words ``first`` to ``last`` of a segment that go."""

    first: int
    last: int
    kind: str
    value: str


def rewritten(
    segments: Sequence[Segment], turns: Sequence[Turn], marks: Sequence[Mark], policy: Policy
) -> tuple[list[Segment], list[Removed]]:
    by_turn: dict[int, list[Mark]] = {}
    for mark in marks:
        by_turn.setdefault(mark.turn, []).append(mark)
    new: list[Segment] = []
    removed: list[Removed] = []
    for index, segment in enumerate(segments):
        holes = holes_of(turns[index], by_turn.get(index, []))
        new.append(_rewritten(segment, holes, policy))
        removed += [_removed(segment, index, hole) for hole in holes]
    return new, removed


def holes_of(turn: Turn, marks: Sequence[Mark]) -> list[_Hole]:
    """The words that go, neighbours of one kind as one."""
    holes: list[_Hole] = []
    for mark in sorted(marks, key=lambda m: m.first):
        first, last = turn.tokens[mark.first].word, turn.tokens[mark.last].word
        before = holes[-1] if holes else None
        if before is not None and before.last >= first:
            before.last = max(before.last, last)
        elif before is not None and before.kind == mark.kind and _close(turn, before.last, first):
            before.last, before.value = last, f"{before.value} {mark.value}"
        else:
            holes.append(_Hole(first, last, mark.kind, mark.value))
    return holes


def _close(turn: Turn, last: int, first: int) -> bool:
    between = [token for token in turn.tokens if last < token.word < first]
    return len(between) <= _MOST_BETWEEN and all(is_glue(token) for token in between)


def _rewritten(segment: Segment, holes: Sequence[_Hole], policy: Policy) -> Segment:
    if not holes:
        return segment
    timed = bool(segment.words)
    words = segment.words or tuple(
        Word(segment.start, segment.end, text) for text in segment.text.split()
    )
    kept = _with_stand_ins(words, {hole.first: hole for hole in holes}, policy)
    text = text_of(kept)
    return replace(segment, text=text, words=tuple(kept) if timed else ())


def _with_stand_ins(
    words: Sequence[Word], holes: Mapping[int, _Hole], policy: Policy
) -> list[Word]:
    kept: list[Word] = []
    at = 0
    while at < len(words):
        hole = holes.get(at)
        if hole is None:
            kept.append(words[at])
            at += 1
            continue
        gone = words[hole.first : hole.last + 1]
        text = policy.stand_in(hole.kind, hole.value)
        kept.append(Word(gone[0].start, gone[-1].end, text, None, hole.kind, gone[0].speaker))
        at = hole.last + 1
    return kept


def _removed(segment: Segment, index: int, hole: _Hole) -> Removed:
    start, end = segment.start, segment.end
    if segment.words:
        start, end = segment.words[hole.first].start, segment.words[hole.last].end
    count = hole.last - hole.first + 1
    return Removed(
        hole.kind, start, end, segment.channel, segment.speaker, count, index, hole.first
    )

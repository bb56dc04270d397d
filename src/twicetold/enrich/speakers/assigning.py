"""Words get their speakers, and segments end where the speaker changes. Pure.

No word is lost, doubled, moved or altered; a segment in which one speaker speaks stays as it is but
for its number and its speaker.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise

from twicetold.speech.transcript import Segment, Word, mean_probability, text_of
from twicetold.speech.turns import Turn

Speakers = Sequence[str | None]  # one a word


def assign(
    segments: Iterable[Segment], turns: Iterable[Turn], channel: int | None = None
) -> tuple[Segment, ...]:
    """The segments with the speakers of the turns, by start and numbered from 1.

    A word is said by the speaker with whom it shares most time, as a whole; where two share as
    much, by who said the word before it; where nobody does, by whoever speaks nearest to it. A
    segment without words goes by the same rule. ``channel``: the turns are of this one alone, and
    segments of others keep the speaker that they have. Without turns nobody is named.
    """
    found = _Turns(turns)

    def speakers(segment: Segment) -> Speakers:
        return _in_order(found, segment.words)

    split: list[Segment] = []
    for segment in segments:
        if not found or (channel is not None and segment.channel != channel):
            split.append(segment)
        elif segment.words:
            split += _split(segment, speakers(segment))
        else:
            split.append(replace(segment, speaker=found.speaker(segment.start, segment.end, None)))
    return _numbered(split)


def by_channel(
    segments: Iterable[Segment], names: Mapping[int, str] | None = None
) -> tuple[Segment, ...]:
    """Each channel is one speaker: ``names`` of channels, or ``1`` for channel 0 and so on."""
    names = names or {}
    return tuple(
        replace(segment, speaker=names.get(segment.channel, str(segment.channel + 1)))
        for segment in segments
    )


def by_engine(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """The speakers that the engine names on its words, called ``1``, ``2``, … as they are first
    heard, channel by channel. A word without one is said by who said the word before it, or else
    the one after; segments in which no word has one stay as they are."""
    names: dict[tuple[int, str], str] = {}
    for segment in sorted(segments, key=lambda segment: segment.start):
        for word in segment.words:
            if word.speaker:
                names.setdefault((segment.channel, word.speaker), str(len(names) + 1))
    split: list[Segment] = []
    for segment in segments:
        told = [names.get((segment.channel, word.speaker)) for word in segment.words]
        split += _split(segment, _filled(told)) if any(told) else [segment]
    return _numbered(split)


class _Turns:
    """Finds who speaks in a stretch of time."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: (turn.start, turn.end, turn.speaker))
        self._starts = [turn.start for turn in self._turns]
        # Of each turn and those before it, the one that lasts longest.
        self._latest: list[Turn] = list(accumulate(self._turns, _later))
        self._ends = [turn.end for turn in self._latest]

    def __bool__(self) -> bool:
        return bool(self._turns)

    def speaker(self, start: float, end: float, before: str | None) -> str:
        """``before``: who it is where it might be several."""
        shared: dict[str, float] = {}
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        for turn in self._turns[first:last]:
            time = min(end, turn.end) - max(start, turn.start)
            if time > 0:
                shared[turn.speaker] = shared.get(turn.speaker, 0.0) + time
        if shared:
            return self._most(shared, before)
        # An instant, or a word between turns.
        near = [*self._latest[max(0, first - 1) : first], *self._turns[first : last + 1]]
        away: dict[str, float] = {}
        for turn in near:
            distance = max(turn.start - end, start - turn.end, 0.0)
            away[turn.speaker] = min(distance, away.get(turn.speaker, distance))
        return self._most({speaker: -distance for speaker, distance in away.items()}, before)

    @staticmethod
    def _most(measure: Mapping[str, float], before: str | None) -> str:
        most = max(measure.values())
        if before is not None and measure.get(before, most - 1) >= most - 1e-6:
            return before
        return max(measure, key=lambda speaker: measure[speaker])


def _later(one: Turn, other: Turn) -> Turn:
    return other if other.end > one.end else one


def _in_order(turns: _Turns, words: Iterable[Word]) -> Speakers:
    speakers: list[str | None] = []
    before: str | None = None
    for word in words:
        before = turns.speaker(word.start, word.end, before)
        speakers.append(before)
    return speakers


def _filled(told: Sequence[str | None]) -> Speakers:
    filled: list[str | None] = []
    for speaker in told:
        filled.append(speaker or (filled[-1] if filled else next(filter(None, told))))
    return filled


def _split(segment: Segment, speakers: Speakers) -> list[Segment]:
    """The segment's parts, each with one of the speakers of its words."""
    runs = [
        (speaker, [index for index, _ in run])
        for speaker, run in groupby(enumerate(speakers), key=lambda each: each[1])
    ]
    if len(runs) == 1:
        return [replace(segment, speaker=runs[0][0])]
    texts = _texts(segment, [indices[0] for _, indices in runs])
    parts = []
    for number, ((speaker, indices), text) in enumerate(zip(runs, texts, strict=True)):
        words = segment.words[indices[0] : indices[-1] + 1]
        probability = mean_probability(words)
        parts.append(
            replace(
                segment,
                start=segment.start if number == 0 else words[0].start,
                end=segment.end if number == len(runs) - 1 else max(w.end for w in words),
                text=text,
                words=words,
                speaker=speaker,
                probability=segment.probability if probability is None else probability,
            )
        )
    return parts


def _texts(segment: Segment, firsts: Sequence[int]) -> list[str]:
    """The segment's own text, cut where the words of those indices begin in it; that of the words
    where it is another one."""
    at, begins = 0, []
    for word in segment.words:
        found = segment.text.find(word.text, at)
        if found < 0:
            bounds = [*firsts, len(segment.words)]
            return [text_of(segment.words[begin:end]) for begin, end in pairwise(bounds)]
        begins.append(found)
        at = found + len(word.text)
    cuts = [0, *(begins[first] for first in firsts[1:]), len(segment.text)]
    return [segment.text[begin:end].strip() for begin, end in pairwise(cuts)]


def _numbered(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    ordered = sorted(segments, key=lambda segment: segment.start)
    return tuple(replace(segment, number=number) for number, segment in enumerate(ordered, 1))

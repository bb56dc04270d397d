"""Who has the floor: turns, interruptions, monologues and how soon one answers.

Turns after Sacks, Schegloff and Jefferson (1974). That speakers overlap for a moment where one ends
is how turns are taken and no interruption (Levinson and Torreira, 2015); who starts in the middle
and has the floor afterwards interrupts (Beattie, 1981: "simple interruption"); who starts and
gives up does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from twicetold.enrich.metrics.silences import Span
from twicetold.enrich.metrics.stretches import Stretch

# Both at the end of a turn and where two begin at once, so much overlap is nobody's intention.
MOST_OVERLAP_S = 0.5
MONOLOGUE_PAUSE_S = 5.0


@dataclass(slots=True)
class Floor:
    """Of each speaker: turns, interruptions made, longest monologue, seconds until answering."""

    turns: Counter[str] = field(default_factory=Counter)
    interruptions: Counter[str] = field(default_factory=Counter)
    monologues: dict[str, float] = field(default_factory=dict)
    responses: dict[str, list[float]] = field(default_factory=dict)


@dataclass(slots=True)
class _Holder:
    """Who has the floor: the latest stretch, since when without a long pause, until when."""

    latest: Stretch
    since: float
    end: float


def floor_of(stretches: Sequence[Stretch], holds: Sequence[Span]) -> Floor:
    """``stretches`` by start time. An answer that a hold came before is not timed."""
    floor, holder = Floor(), None
    for each in stretches:
        if each.backchannel:
            continue
        if holder is None or each.speaker != holder.latest.speaker:
            if holder is not None and each.end <= holder.end:
                continue  # it began, and did not get the floor
            if holder is not None:
                _hand_over(floor, holder, each, holds)
            holder = _Holder(each, each.start, each.end)
            floor.turns[each.speaker] += 1
        else:
            if each.start - holder.end > MONOLOGUE_PAUSE_S:
                _end_monologue(floor, holder)
                holder.since = each.start
            holder.latest, holder.end = each, max(holder.end, each.end)
    if holder is not None:
        _end_monologue(floor, holder)
    return floor


def _hand_over(floor: Floor, holder: _Holder, next_: Stretch, holds: Sequence[Span]) -> None:
    _end_monologue(floor, holder)
    gap_s = next_.start - holder.end
    if gap_s < -MOST_OVERLAP_S and next_.start - holder.latest.start > MOST_OVERLAP_S:
        floor.interruptions[next_.speaker] += 1
    if not any(start < next_.start and end > holder.end for start, end in holds):
        floor.responses.setdefault(next_.speaker, []).append(max(0.0, gap_s))


def _end_monologue(floor: Floor, holder: _Holder) -> None:
    speaker = holder.latest.speaker
    length_s = holder.end - holder.since
    floor.monologues[speaker] = max(length_s, floor.monologues.get(speaker, 0.0))

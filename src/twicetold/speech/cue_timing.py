"""When each subtitle cue stands on the screen, decided as cues come in.

A cue appears with its first word. It stays until its last, and longer where its readers need
it, into the silence that follows but never into the next cue of its channel.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from twicetold.speech.cues import GAP_S, LONGEST_S, READ_PER_S, SHORTEST_S, Lines

_GAP_MS = round(GAP_S * 1000)
_LONGEST_MS = round(LONGEST_S * 1000)
_SHORTEST_WITH_GAP_MS = 500  # shorter cues keep their time rather than the gap behind them


@dataclass(frozen=True, slots=True)
class Cue:
    """What stands on the screen from ``start_ms`` to ``end_ms`` of the recording."""

    start_ms: int
    end_ms: int
    channel: int
    voice: str
    lines: tuple[str, ...]


@dataclass(slots=True, order=True)
class _Waiting:
    start_ms: int
    order: int
    channel: int = field(compare=False)
    voice: str = field(compare=False)
    lines: tuple[str, ...] = field(compare=False)
    wanted_ms: int = field(compare=False)  # its end, if nothing comes between
    settled: bool = field(compare=False, default=False)


class CueTiming:
    """Puts the cues of all channels in order. Holds those of the last seconds only."""

    def __init__(self) -> None:
        self._heap: list[_Waiting] = []
        self._newest: dict[int, _Waiting] = {}  # by channel: its end is not known yet
        self._order = 0
        self._horizon_ms = 0

    def accept(
        self, channel: int, start: float, voice: str, laid_out: Sequence[Lines]
    ) -> list[Cue]:
        """A segment that starts at ``start`` in; the cues that are certain by that out."""
        self._horizon_ms = max(self._horizon_ms, _ms(start))
        for lines in laid_out:
            self._add(channel, voice, lines)
        for newest in self._newest.values():
            if newest.wanted_ms + _GAP_MS <= self._horizon_ms:
                newest.settled = True
        return self._certain()

    def finish(self) -> list[Cue]:
        """The cues that are left."""
        for waiting in self._heap:
            waiting.settled = True
        self._horizon_ms = max((one.start_ms for one in self._heap), default=0)
        return self._certain()

    def _add(self, channel: int, voice: str, lines: Lines) -> None:
        start_ms = _ms(lines.start)
        before = self._newest.get(channel)
        if before is not None:
            start_ms = max(start_ms, before.start_ms + 1)
            if not before.settled:
                self._settle(before, start_ms)
            start_ms = max(start_ms, before.wanted_ms)
        reading_ms = round(max(SHORTEST_S, lines.characters / READ_PER_S) * 1000)
        wanted_ms = min(max(_ms(lines.end), start_ms + reading_ms), start_ms + _LONGEST_MS)
        waiting = _Waiting(start_ms, self._order, channel, voice, lines.lines, wanted_ms)
        self._order += 1
        self._newest[channel] = waiting
        heapq.heappush(self._heap, waiting)

    @staticmethod
    def _settle(cue: _Waiting, next_start_ms: int) -> None:
        room_ms = next_start_ms - cue.start_ms
        gap_ms = _GAP_MS if room_ms >= _SHORTEST_WITH_GAP_MS + _GAP_MS else 0
        cue.wanted_ms = min(cue.wanted_ms, next_start_ms - gap_ms)
        cue.settled = True

    def _certain(self) -> list[Cue]:
        """Those whose ends are known and before which nothing can come any more."""
        certain: list[Cue] = []
        while self._heap and self._heap[0].settled and self._heap[0].start_ms <= self._horizon_ms:
            one = heapq.heappop(self._heap)
            certain.append(Cue(one.start_ms, one.wanted_ms, one.channel, one.voice, one.lines))
        return certain


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))

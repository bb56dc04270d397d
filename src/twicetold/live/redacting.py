"""Finals whose personal data is removed before anybody sees them.

A number may be said over several utterances: whether "four one five" is part of one is known when
the next utterance of its speaker has come. So an utterance that ends in what may become personal
data is held back until then, ten seconds at most, and its sound with it: whoever takes the call
over hears it again. Utterances of a channel stay in order; other channels do not wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from twicetold.live.endpointing import End
from twicetold.speech.transcript import Final, Segment, Word

REDACTION = "enrichment:redact"  # what it is called among engines that computed for a call
LONGEST_HOLD_S = 10.0
_MOST_REMEMBERED = 40  # utterances that are the context of the next
_MOST_HELD = 64


@dataclass(frozen=True, slots=True)
class Decided:
    """One utterance as it may be shown. ``undecided``: its end may yet become personal data;
    ``masked`` is the utterance without that end. ``compute_s``: what deciding took, shared out
    among those that were decided with it."""

    shown: Segment
    masked: Segment
    undecided: bool = False
    compute_s: float = 0.0


# Of what was said before, and of utterances that are not told yet.
Decide = Callable[[Sequence[Segment], Sequence[Segment]], Awaitable[Sequence[Decided]]]


@dataclass(frozen=True, slots=True)
class Ended:
    """An utterance that is over, and what its final needs."""

    channel: int
    utterance: int
    end: End
    adaptation: str | None
    words: tuple[Word, ...]
    failed_span: tuple[float, float] | None
    engine: str
    at: float  # when it ended, on the loop's clock

    def segment(self) -> Segment:
        """As what redaction reads, still with all its words."""
        start, end = self.failed_span or (0.0, 0.0)
        if self.words:
            start, end = self.words[0].start, self.words[-1].end
        text = " ".join(word.text for word in self.words)
        return Segment(self.utterance, self.channel, start, end, text, self.words)


@dataclass(frozen=True, slots=True)
class LiveRedactor:
    """What redacts one call. ``mask`` is for words of a channel that may still change: it shows
    none of them that might be part of personal data, and may show none at all."""

    decide: Decide
    mask: Callable[[Sequence[Word], int], tuple[Word, ...]]


Settle = Callable[[Ended, tuple[Word, ...]], Awaitable[None]]


class Redaction:
    """One call's utterances on their way to being finals. ``put`` them as they end; ``run``
    does the work; ``flush`` tells what is still held when nothing more will come."""

    def __init__(
        self,
        decide: Decide,
        settle: Settle,
        before: Iterable[Final] = (),
        on_compute: Callable[[str, float], None] = lambda label, seconds: None,
    ) -> None:
        """``settle`` stores a final with the words that it may have; ``before``: finals of the
        worker before us, as context; ``on_compute`` is told how long deciding took."""
        self._decide, self._settle, self._on_compute = decide, settle, on_compute
        # With all their words: it never leaves this process.
        self._said: deque[Segment] = deque(map(Segment.from_final, before), _MOST_REMEMBERED)
        self._held: list[Ended] = []
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._ending = False
        self._loop = asyncio.get_running_loop()

    async def put(self, ended: Ended) -> None:
        """Waits where so many are held that redaction cannot keep up."""
        await self._room.wait()
        self._held.append(ended)
        self._idle.clear()
        if len(self._held) >= _MOST_HELD:
            self._room.clear()
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled. Raises what deciding and settling raise."""
        while True:
            await self._wait()
            self._changed.clear()
            if self._held:
                await self._look()
            if not self._held:
                self._idle.set()

    async def flush(self) -> None:
        """Nothing more will be said: returns once every utterance is told."""
        self._ending = True
        self._changed.set()
        await self._idle.wait()

    async def _wait(self) -> None:
        """For another utterance, or until one has been held long enough."""
        oldest = min((ended.at for ended in self._held), default=None)
        try:
            async with asyncio.timeout_at(None if oldest is None else oldest + LONGEST_HOLD_S):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _look(self) -> None:
        held = list(self._held)
        decided = await self._decide(list(self._said), [ended.segment() for ended in held])
        self._on_compute(REDACTION, sum(each.compute_s for each in decided))
        waiting: set[int] = set()  # channels of which an utterance stays held
        for ended, found in zip(held, decided, strict=True):
            if ended.channel in waiting:
                continue
            late = self._loop.time() - ended.at >= LONGEST_HOLD_S
            if found.undecided and not (late or self._ending):
                waiting.add(ended.channel)
                continue
            shown = found.masked if found.undecided and late else found.shown
            await self._settle(ended, shown.words)
            self._held.remove(ended)
            self._said.append(ended.segment())
        if len(self._held) < _MOST_HELD:
            self._room.set()

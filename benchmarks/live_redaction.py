"""What redaction adds to a final while a call runs, and how many calls one process of it bears.

``python -m benchmarks live_redaction``: calls made of the sample calls' utterances. First the CPU
of one utterance behind calls of several lengths, read here; then calls at once through the live
pass's own way, with the process in which it is computed: each of two speakers says an utterance,
two and a half words a second, pauses for a second, and the other one answers; a partial comes
four times a second. Counted is the time from an utterance's end to its final, of those that did
not have to wait for the next one, from a partial to its masked text, and the process's CPU time.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from typing import Any

from benchmarks.common import save, summary
from benchmarks.insight import an_hour
from twicetold.enrich.apart import Apart
from twicetold.enrich.redaction import Following, Policy
from twicetold.enrich.redaction.elsewhere import LiveElsewhere, LiveWords, Places
from twicetold.enrich.redaction.tagger.tagger import shipped
from twicetold.live.endpointing import End
from twicetold.live.redacting import Ended, Redaction
from twicetold.speech.transcript import Segment, Word

_LENGTHS = (10, 40, 200, 600)  # utterances before
_COUNTED = 40  # of them at each length
_CALLS = (10, 50, 100, 200)
_RUN_S = 30.0
_WORDS_A_S, _PAUSE_S, _PARTIAL_S = 2.5, 1.0, 0.25
_HELD_S = 1.5  # who waits so long waits for the next utterance


def run() -> dict[str, Any]:
    """Saved as ``live_redaction``."""
    segments = an_hour()
    figures = {
        "cpu_ms_by_length": {length: cpu_ms(segments, length) for length in _LENGTHS},
        "at_once": {calls: asyncio.run(at_once(segments, calls)) for calls in _CALLS},
    }
    save("live_redaction", figures)
    return figures


def cpu_ms(segments: list[Segment], length: int) -> float:
    """Milliseconds of CPU for an utterance behind so many; the mean."""
    following = Following(Policy(), (), shipped(), channels=2)
    said = [replace(each, number=at) for at, each in enumerate(segments, 1)]
    for each in said[:length]:
        following.decide((), [each])
    counted = said[length : length + _COUNTED]
    started = time.process_time()
    for each in counted:
        following.decide((), [each])
    return 1000 * (time.process_time() - started) / len(counted)


async def at_once(segments: list[Segment], calls: int) -> dict[str, Any]:
    """Milliseconds, with one process for all."""
    apart = Apart(0)
    places = Places(apart, 1, calls)
    finals: list[float] = []
    partials: list[float] = []
    try:
        made = [_Speaking(segments, number, places, finals, partials) for number in range(calls)]
        await asyncio.gather(*(one.redactor.begin() for one in made))
        before_s = await apart.call("benchmark", time.process_time)
        async with asyncio.timeout(_RUN_S + 30):
            await asyncio.gather(*(one.run() for one in made))
        used_s = await apart.call("benchmark", time.process_time) - before_s
    finally:
        places.close()
    told = [1000 * each for each in finals if each < _HELD_S]
    return {
        "final_ms": summary(told),
        "finals_that_waited_for_the_next": len(finals) - len(told),
        "partial_ms": summary([1000 * each for each in partials]),
        "cores": used_s / _RUN_S,
    }


class _Speaking:
    """One call, from a place of its own in the samples."""

    def __init__(
        self,
        segments: list[Segment],
        number: int,
        places: Places,
        finals: list[float],
        partials: list[float],
    ) -> None:
        self._random = random.Random(number)
        start = self._random.randrange(len(segments))
        self._said = [*segments[start:], *segments[:start]]
        self._finals, self._partials = finals, partials
        self.redactor = LiveElsewhere(LiveWords("en", Policy(), 2), places)
        self._redaction = Redaction(self.redactor, self._settle)
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        redacting = asyncio.create_task(self._redaction.run())
        until = self._loop.time() + _RUN_S
        await asyncio.sleep(4 * self._random.random())
        for number, segment in enumerate(self._said, 1):
            if self._loop.time() > until:
                break
            await self._speak(segment.channel, segment.words)
            end = End(segment.channel, number, 0, 0)
            now = self._loop.time()
            words = segment.words
            await self._redaction.put(
                Ended(segment.channel, number, end, None, words, None, "", now)
            )
            await asyncio.sleep(_PAUSE_S)
        await self._redaction.flush()
        redacting.cancel()
        self.redactor.close()

    async def _speak(self, channel: int, words: tuple[Word, ...]) -> None:
        began = self._loop.time()
        ends = began + len(words) / _WORDS_A_S
        while (now := self._loop.time()) < ends:
            heard = words[: 1 + int((now - began) * _WORDS_A_S)]
            await self.redactor.mask(heard, channel)
            took = self._loop.time() - now
            self._partials.append(took)
            await asyncio.sleep(max(0.0, min(_PARTIAL_S - took, ends - now - took)))

    async def _settle(self, ended: Ended, words: tuple[Word, ...], known: str | None) -> None:
        self._finals.append(self._loop.time() - ended.at)

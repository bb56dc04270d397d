"""Live redaction in processes of its own: utterances go over as they end, choices come back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from twicetold.enrich.apart import Apart, Process
from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.finders import finders_of, know_people
from twicetold.enrich.redaction.following import Decision, Following
from twicetold.enrich.redaction.policy import Policy
from twicetold.enrich.redaction.tagger.tagger import shipped
from twicetold.enrich.timing import timed
from twicetold.speech.transcript import Segment, Word

log = structlog.get_logger()

T = TypeVar("T")

_BEGINS_WITHIN_S = 60.0  # a process, the weights, perhaps a model for names
_DECIDES_WITHIN_S = 4.0  # a thousand times what it takes: others wait for as long
_MASKS_WITHIN_S = 2.0
_MASKED_AT_ONCE = 8  # of partials in one process: finals wait behind no more than those

_numbers = itertools.count(1)  # of calls, whatever the process


class Place:
    """A process, and how many calls have it for theirs."""

    def __init__(self, apart: Apart) -> None:
        self.apart, self.calls = apart, 0
        self.masking = asyncio.Semaphore(_MASKED_AT_ONCE)


class Places:
    """Processes among which calls are shared out; each call stays with its own. Another begins
    once each has ``each`` calls, up to ``most``; ``first`` is there already."""

    def __init__(self, first: Apart, most: int, each: int, niceness: int = 0) -> None:
        self._places = [Place(first)]
        self._most, self._each, self._niceness = most, each, niceness

    def take(self) -> Place:
        """The one with the fewest calls, and one more."""
        place = min(self._places, key=lambda place: place.calls)
        if place.calls >= self._each and len(self._places) < self._most:
            place = Place(Apart(self._niceness))
            self._places.append(place)
        place.calls += 1
        return place

    def close(self) -> None:
        for place in self._places:
            place.apart.close()


@dataclass(frozen=True, slots=True)
class LiveWords:
    """What the redaction of a call begins with: ``known`` is what was asked for before, as a
    `Decision` tells it, "" for nothing."""

    language: str
    policy: Policy
    channels: int
    known: str = ""


class LiveElsewhere:
    """One call's redaction. It begins there with the first that is asked, and anew where the
    process has died, with what was said last."""

    def __init__(self, call: LiveWords, places: Places) -> None:
        self._call, self._places = call, places
        self._place: Place | None = None
        self._number = next(_numbers)
        self._process: Process | None = None
        self._beginning = asyncio.Lock()
        self._said: Sequence[Segment] = ()
        self._through = 0

    async def begin(self) -> None:
        """Raises EnrichmentFailed, MissingExtra, ModelMissing."""
        await self._tried(self._begun)

    async def decide(self, said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
        """As `Following.decide`; ``said`` are the last that were told, perhaps more than are new.
        Raises EnrichmentFailed, MissingExtra, ModelMissing."""
        self._said = said

        async def ask(process: Process) -> Decision:
            await self._begun(process)
            new = [each for each in said if each.number > self._through]
            return await process.ask(_decide, self._number, new, held, within_s=_DECIDES_WITHIN_S)

        decision = await self._tried(ask)
        self._through = decision.through
        return decision

    async def mask(self, words: Sequence[Word], channel: int) -> tuple[Word, ...]:
        """As `Following.mask`. Any word may be a name, and a model for names is too slow for text
        that changes several times a second: where there is one, nothing is shown."""
        if know_people(self._call.policy.finders):
            return ()

        async def ask(process: Process) -> tuple[Word, ...]:
            await self._begun(process)
            return await process.ask(_mask, self._number, words, channel, within_s=_MASKS_WITHIN_S)

        async with self._of().masking:
            return await self._tried(ask)

    def close(self) -> None:
        """Let go of what is held there."""
        if self._process is not None:
            self._process.tell(_close, self._number)
        if self._place is not None:
            self._place.calls -= 1
        self._process = self._place = None

    def _of(self) -> Place:
        if self._place is None:
            self._place = self._places.take()
        return self._place

    async def _tried(self, ask: Callable[[Process], Awaitable[T]]) -> T:
        return await self._of().apart.tried("redact", ask)

    async def _begun(self, process: Process) -> None:
        async with self._beginning:
            if process is self._process:
                return
            begin = (_begin, self._number, self._call, self._said)
            try:
                await process.ask(*begin, within_s=_BEGINS_WITHIN_S)
            except (
                BaseException
            ):  # also where nobody waits for it any more: it is done all the same
                process.tell(_close, self._number)
                raise
            self._process, self._through = process, 0


# --- in the other process -------------------------------------------------------------------------

_calls: dict[int, Following] = {}


def _begin(number: int, call: LiveWords, said: Sequence[Segment]) -> None:
    try:
        context = Context.from_text(call.known) if call.known else None
    except ValueError:
        log.warning("redaction_context_unreadable")
        context = None
    finders = finders_of(call.policy.finders)
    following = Following(call.policy, finders, shipped(), context, call.channels)
    following.decide(said, ())
    _calls[number] = following


def _decide(number: int, said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
    decision, compute_s = timed(_calls[number].decide, said, held)
    return replace(decision, compute_s=compute_s)


def _mask(number: int, words: Sequence[Word], channel: int) -> tuple[Word, ...]:
    return _calls[number].mask(words, channel)


def _close(number: int) -> None:
    _calls.pop(number, None)

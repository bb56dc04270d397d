"""Finals whose personal data is removed before anybody sees them.

A number may be said over several utterances: whether "four one five" is part of one is known when
the next utterance of its speaker has come. So an utterance that ends in what may become personal
data is held back until then, ten seconds at most, and its sound with it: whoever takes the call
over hears it again. Utterances of a channel stay in order; other channels do not wait.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from twicetold.enrich.redacting import withheld
from twicetold.enrich.redaction import Choice, Decision
from twicetold.live.endpointing import End
from twicetold.speech.transcript import Final, Segment, Word

log = structlog.get_logger()

REDACTION = "enrichment:redact"  # what it is called among engines that computed for a call
LONGEST_HOLD_S = 10.0
_MOST_REMEMBERED = 40  # utterances that are the context of the next
_MOST_HELD = 64


class LiveRedactor(Protocol):
    """What redacts one call."""

    async def begin(self) -> None:
        """Returns once it is ready, so that no utterance waits for that. Raises what is wrong with
        it; the other verbs would as well."""

    async def decide(self, said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
        """What may be shown of each utterance that is ``held``, after those that were ``said``;
        all are numbered in the order in which they ended. Raises whatever goes wrong, after a time
        limit of its own: what it was asked about is not shown then."""

    async def mask(self, words: Sequence[Word], channel: int) -> tuple[Word, ...]:
        """Words that may still change, without any that might be part of personal data; perhaps
        none. Raises as ``decide``."""

    def close(self) -> None:
        """The call is over, or no longer ours."""


class Withholding:
    """Redacts a call in a language without recognisers: nothing of it is shown."""

    async def begin(self) -> None: ...

    async def decide(self, said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
        return Decision(tuple(withheld(each) for each in held), "", "")

    async def mask(self, words: Sequence[Word], channel: int) -> tuple[Word, ...]:
        return ()

    def close(self) -> None: ...


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

    def segment(self, number: int) -> Segment:
        """As what redaction reads, still with all its words."""
        start, end = self.failed_span or (0.0, 0.0)
        if self.words:
            start, end = self.words[0].start, self.words[-1].end
        text = " ".join(word.text for word in self.words)
        return Segment(number, self.channel, start, end, text, self.words)


@dataclass(slots=True)
class _Held:
    ended: Ended
    raw: Segment
    asked: bool = False
    choice: Choice | None = None  # the last one, while what comes next may change it
    spoilt: bool = False  # nobody could decide on it; it is not asked about again


@dataclass(slots=True)
class _Asking:
    about: list[_Held]
    task: asyncio.Task[Decision]


@dataclass(slots=True)
class _Known:
    """What a successor goes on by: as of a `Decision`."""

    decided: str | None = None
    all: str | None = None


Settle = Callable[[Ended, tuple[Word, ...], str | None], Awaitable[None]]


class Redaction:
    """One call's utterances on their way to being finals. ``put`` them as they end; ``run``
    does the work; ``flush`` tells what is still held when nothing more will come."""

    def __init__(
        self,
        redactor: LiveRedactor,
        settle: Settle,
        before: Iterable[Final] = (),
        on_compute: Callable[[str, float], None] = lambda label, seconds: None,
    ) -> None:
        """``settle`` stores a final with the words that it may have, and what a successor goes on
        by where that is known; ``before``: finals of the worker before us, as context;
        ``on_compute`` is told how long deciding took."""
        self._redactor, self._settle, self._on_compute = redactor, settle, on_compute
        # With all their words: it never leaves this machine's memory.
        self._said: deque[Segment] = deque(map(Segment.from_final, before), _MOST_REMEMBERED)
        self._numbers = itertools.count(1 + max((each.number for each in self._said), default=0))
        self._held: list[_Held] = []
        self._known = _Known()
        self._asking: _Asking | None = None
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._ending = False
        self._loop = asyncio.get_running_loop()

    async def begin(self) -> None:
        """Before the first utterance. Whatever is wrong, the call goes on, and shows no words."""
        try:
            await self._redactor.begin()
        except Exception as error:  # noqa: BLE001 - each utterance tells it again
            log.error("redaction_not_ready", error=type(error).__name__)  # noqa: TRY400

    async def put(self, ended: Ended) -> None:
        """Waits where so many are held that redaction cannot keep up."""
        await self._room.wait()
        self._held.append(_Held(ended, ended.segment(next(self._numbers))))
        self._idle.clear()
        if len(self._held) >= _MOST_HELD:
            self._room.clear()
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled. Raises what settling raises."""
        try:
            while True:
                self._changed.clear()
                self._hear()
                await self._tell()
                self._ask()
                if not self._held:
                    self._idle.set()
                await self._wait()
        finally:
            if self._asking is not None:
                self._asking.task.cancel()

    async def flush(self) -> None:
        """Nothing more will be said: returns once every utterance is told."""
        self._ending = True
        self._changed.set()
        await self._idle.wait()

    async def _wait(self) -> None:
        """For another utterance or a decision, or until one has been held long enough."""
        firsts: dict[int, float] = {}
        for held in self._held:
            firsts.setdefault(held.ended.channel, held.ended.at)
        oldest = min(firsts.values(), default=None)
        try:
            async with asyncio.timeout_at(None if oldest is None else oldest + LONGEST_HOLD_S):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _ask(self) -> None:
        """About all that is held, where there is more of it than the last time."""
        if self._asking is not None or all(held.asked for held in self._held):
            return
        about = [held for held in self._held if not held.spoilt]
        for held in about:
            held.asked = True
        said, raw = list(self._said), [held.raw for held in about]
        task = asyncio.create_task(self._redactor.decide(said, raw))
        task.add_done_callback(lambda _: self._changed.set())
        self._asking = _Asking(about, task)

    def _hear(self) -> None:
        """What was decided; where nobody could, no word is shown."""
        if self._asking is None or not self._asking.task.done():
            return
        about, task, self._asking = self._asking.about, self._asking.task, None
        if (error := task.exception()) is not None:
            # Without its traceback, which may quote what was said.
            log.error("utterances_withheld", error=type(error).__name__, utterances=len(about))
            for held in about:
                held.choice, held.spoilt = withheld(held.raw), True
            spoilt = {held.raw.number for held in about}  # some of them may have been told by now
            kept = (raw for raw in self._said if raw.number not in spoilt)
            self._said = deque(kept, _MOST_REMEMBERED)
            return
        decision = task.result()
        self._on_compute(REDACTION, decision.compute_s)
        for held, choice in zip(about, decision.choices, strict=True):
            held.choice = choice
        self._known = _Known(decision.known, decision.known_all)

    async def _tell(self) -> None:
        """All that is decided, and all that has been held long enough."""
        ending = self._ending and self._asking is None and all(held.asked for held in self._held)
        waiting: set[int] = set()  # channels of which an utterance stays held
        for held in list(self._held):
            ended, choice = held.ended, held.choice
            late = self._loop.time() - ended.at >= LONGEST_HOLD_S
            undecided = choice is None or choice.undecided
            if ended.channel in waiting or (undecided and not late and not (ending and choice)):
                waiting.add(ended.channel)
                continue
            choice = choice or withheld(held.raw)
            shown = choice.masked if choice.undecided and late else choice.shown
            known = self._known.all if choice.undecided else self._known.decided
            await self._settle(ended, shown.words, known)
            self._held.remove(held)
            if not held.spoilt:
                self._said.append(held.raw)
        if len(self._held) < _MOST_HELD:
            self._room.set()

"""Takes one channel's utterances through the engine, one after another.

The event loop never waits for the model: a task per channel does. When an engine host dies,
the utterance starts again from its first sample on another; one that no host survives becomes
a failed final, and its audio is left to the batch pass. One that a host was not at work on when
it died is not blamed for that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from twicetold.engines import Stream, StreamingTranscriber
from twicetold.errors import EngineFailed, EngineHostDied
from twicetold.live.endpointing import Action, Begin, End, Hear, Rest
from twicetold.speech.transcript import Hypothesis

log = structlog.get_logger()

_ATTEMPTS = 3
_MOST_DEATHS_OF_OTHERS = 30
_LONGEST_ACCEPT_S = 1.0  # so that a stream that catches up leaves the others their turn


@dataclass(slots=True)
class Utterance:
    """One utterance in the making, with its sound for a second try."""

    number: int
    start_sample: int
    speech_sample: int
    pieces: list[bytes] = field(default_factory=list)
    samples: int = 0
    attempts: int = 1
    deaths_of_others: int = 0
    failed: bool = False

    def hear(self, pcm: bytes) -> None:
        self.pieces.append(pcm)
        self.samples += len(pcm) // 2

    def note(self, error: EngineFailed | EngineHostDied) -> None:
        """An attempt came to nothing."""
        if isinstance(error, EngineHostDied) and error.of_another:
            self.deaths_of_others += 1
        else:
            self.attempts += 1
        self.failed = self.attempts > _ATTEMPTS or self.deaths_of_others > _MOST_DEATHS_OF_OTHERS


OnHypothesis = Callable[[int, Utterance, Hypothesis], None]
OnEnd = Callable[[int, Utterance, End, Hypothesis], Awaitable[None]]


class ChannelRunner:
    """Performs the actions of one channel in order. ``put`` never waits; ``run`` does the work."""

    def __init__(
        self,
        channel: int,
        rate: int,
        language: str,
        engine: StreamingTranscriber,
        *,
        adaptation: str | None,
        on_hypothesis: OnHypothesis,
        on_end: OnEnd,
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_hypothesis`` and ``on_end`` are told what is heard; ``on_room`` that the backlog
        has shrunk, whether the engine heard it or failed."""
        self.channel = channel
        self._rate, self._language, self._engine = rate, language, engine
        self.adaptation = adaptation
        self.fail_before = 0  # the next utterance, if it begins before, has proved deadly
        self._on_hypothesis, self._on_end, self._on_room = on_hypothesis, on_end, on_room
        self._actions: deque[Action] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._stream: Stream | None = None
        self._utterance: Utterance | None = None
        self._unfinished: deque[Begin] = deque()  # utterances whose final is not stored
        self.backlog_samples = 0
        self.drained = asyncio.Event()
        self.drained.set()

    @property
    def needed(self) -> int | None:
        """The first sample that the oldest utterance whose final is not stored may want again;
        None if there is none."""
        return self._unfinished[0].needed if self._unfinished else None

    @property
    def unfinished_since(self) -> int | None:
        """The first sample of the oldest utterance whose final is not stored; None if none is."""
        return self._unfinished[0].start_sample if self._unfinished else None

    @property
    def waiting_since(self) -> int | None:
        """The first sample that was put in and the engine has not heard; None if it has all."""
        if self.backlog_samples == 0:
            return None
        if self._utterance is None:
            return self._unfinished[0].start_sample
        return self._utterance.start_sample + self._utterance.samples

    def put(self, action: Action) -> None:
        if isinstance(action, Begin):
            self._unfinished.append(action)
        elif isinstance(action, Hear):
            self.backlog_samples += len(action.pcm) // 2
        self._actions.append(action)
        self.drained.clear()
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def run(self) -> None:
        try:
            while True:
                if not self._actions:
                    self.drained.set()
                    self._wake = asyncio.get_running_loop().create_future()
                    await self._wake
                    self._wake = None
                await self._perform(self._actions.popleft())
        finally:
            await self._drop_stream()

    async def _perform(self, action: Action) -> None:
        if isinstance(action, Begin):
            self._utterance = Utterance(action.utterance, action.start_sample, action.speech_sample)
            self._utterance.failed = action.start_sample < self.fail_before
            self.fail_before = 0
            await self._attempt(self._utterance)
        elif isinstance(action, Hear):
            await self._hear(action.pcm)
        elif isinstance(action, Rest):
            await self._drop_stream()  # heard again from its first sample when it goes on
        else:
            await self._finish(action)

    async def _hear(self, first: bytes) -> None:
        """Let the engine hear what has gathered, so that one that fell behind catches up."""
        utterance = self._utterance
        assert utterance is not None
        pcm = self._joined(first) if self._actions else first
        utterance.hear(pcm)
        heard = await self._attempt(utterance, pcm)
        self.backlog_samples -= len(pcm) // 2
        self._on_room()
        if heard is not None:
            self._on_hypothesis(self.channel, utterance, heard)

    def _joined(self, first: bytes) -> bytes:
        """What waits to be heard after ``first``, in one piece with it."""
        pieces, size, most = [first], len(first), self._most_bytes()
        while self._actions and size < most:
            following = self._actions[0]
            if not isinstance(following, Hear):
                break
            pieces.append(following.pcm)
            size += len(following.pcm)
            self._actions.popleft()
        return b"".join(pieces)

    async def _finish(self, end: End) -> None:
        utterance = self._utterance
        assert utterance is not None
        heard = await self._attempt(utterance, finish=True)
        await self._drop_stream()
        if heard is not None and heard.adaptation is not None:
            self.adaptation = heard.adaptation
        await self._on_end(self.channel, utterance, end, heard or Hypothesis())
        self._utterance = None
        self._unfinished.popleft()

    async def _attempt(
        self, utterance: Utterance, new: bytes = b"", *, finish: bool = False
    ) -> Hypothesis | None:
        """Let the stream hear ``new`` (and say its last word). Where there is no stream, a fresh
        one hears the utterance so far, ``new`` with it. None once the utterance has failed."""
        while not utterance.failed:
            try:
                heard: Hypothesis | None = None
                if self._stream is None:
                    heard = await self._replay(utterance)
                elif new:
                    heard = await self._stream.accept(new)
                assert self._stream is not None
                return await self._stream.finish() if finish else heard
            except (EngineHostDied, EngineFailed) as error:
                await self._drop_stream()
                utterance.note(error)
                log.warning("utterance_retried", code=error.code, channel=self.channel)
        return None

    async def _replay(self, utterance: Utterance) -> Hypothesis | None:
        self._stream = await self._engine.start_stream(self._rate, self._language, self.adaptation)
        heard: Hypothesis | None = None
        pcm, most = b"".join(utterance.pieces), self._most_bytes()
        for at in range(0, len(pcm), most):
            heard = await self._stream.accept(pcm[at : at + most])
        return heard

    def _most_bytes(self) -> int:
        return int(_LONGEST_ACCEPT_S * self._rate) * 2

    async def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

"""Takes one channel's utterances through the engine, one after another.

The event loop never waits for the model: a task per channel does. When an engine host dies,
the utterance starts again from its first sample on another; one that no host survives becomes
a failed final, and its audio is left to the batch pass. One that a host was not at work on when
it died is not blamed for that. Where an engine fails again and again, the next of its chain goes
on with the utterance; at its end another engine may hear all of it again for the final.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog

from twicetold.choice.chain import TRIES, Member
from twicetold.engines import Sound, Stream, StreamingTranscriber, Transcriber
from twicetold.errors import BadParameter, EngineFailed, EngineHostDied, EngineNotAllowed
from twicetold.live.endpointing import Action, Begin, End, Hear, Rest
from twicetold.live.engines import Engines
from twicetold.live.learnt import Learnt, learnt_by
from twicetold.speech.transcript import Hypothesis, Word

log = structlog.get_logger()

_ATTEMPTS = 3
_MOST_DEATHS_OF_OTHERS = 30
_LONGEST_ACCEPT_S = 1.0  # so that a stream that catches up leaves the others their turn
_MOST_BEHIND_S = 3.0  # one that is further behind does not have its utterances heard twice


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
    engine: str = ""  # the label of the one whose words are the last
    told: tuple[Word, ...] = ()  # as settled: they stay, whatever is heard of it later

    def hear(self, pcm: bytes) -> None:
        self.pieces.append(pcm)
        self.samples += len(pcm) // 2

    def forget_behind(self, sample: int) -> None:
        """The sound from there on is another's."""
        self.pieces = [b"".join(self.pieces)[: 2 * max(0, sample - self.start_sample)]]

    def note(self, error: EngineFailed | EngineHostDied, most: int) -> None:
        """An attempt of ``most`` came to nothing; after a refusal that engine gets no other."""
        if isinstance(error, EngineHostDied) and error.of_another:
            self.deaths_of_others += 1
        else:
            self.attempts += 1 if error.retryable else TRIES
        self.failed = self.attempts > most or self.deaths_of_others > _MOST_DEATHS_OF_OTHERS


OnHypothesis = Callable[[int, Utterance, Hypothesis], None]
OnEnd = Callable[[int, Utterance, End, Hypothesis], Awaitable[None]]
OnCompute = Callable[[str, float], None]


class ChannelRunner:
    """Performs the actions of one channel in order. ``put`` never waits; ``run`` does the work."""

    def __init__(
        self,
        channel: int,
        rate: int,
        language: str,
        engines: Engines,
        *,
        adaptation: str | None,
        on_hypothesis: OnHypothesis,
        on_end: OnEnd,
        on_room: Callable[[], None] = lambda: None,
        on_compute: OnCompute = lambda label, seconds: None,
    ) -> None:
        """``on_hypothesis`` and ``on_end`` are told what is heard; whoever has stored what came at
        an end calls ``settled``. ``on_room`` is told that the backlog has shrunk, whether the
        engine heard it or failed; ``on_compute``, how long an engine was at work, by its label."""
        self.channel = channel
        self._rate, self._language, self._engines = rate, language, engines
        self._learnt = Learnt.from_text(adaptation)
        self.fail_before = 0  # the next utterance, if it begins before, has proved deadly
        self._on_hypothesis, self._on_end, self._on_room = on_hypothesis, on_end, on_room
        self._on_compute = on_compute
        self._actions: deque[Action] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._stream: Stream | None = None
        self._member: Member[StreamingTranscriber] | None = None  # whose stream it is
        self._utterance: Utterance | None = None
        self._unfinished: deque[Begin] = deque()  # utterances whose final is not stored
        self._unbegun: deque[Begin] = deque()  # those of them that the engine has not come to
        self.backlog_samples = 0
        self.drained = asyncio.Event()
        self.drained.set()

    @property
    def adaptation(self) -> str | None:
        """What the engines have learnt of the channel, for the next utterance, or a successor."""
        return self._learnt.to_text()

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
            return self._unbegun[0].start_sample
        return self._utterance.start_sample + self._utterance.samples

    def put(self, action: Action) -> None:
        if isinstance(action, Begin):
            self._unfinished.append(action)
            self._unbegun.append(action)
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
            self._unbegun.popleft()
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
        if end.cut and not self._tells_times():
            # It has heard past the cut, and nobody could say which words lie behind that.
            await self._drop_stream()
            utterance.forget_behind(end.end_sample)
        heard, again = await asyncio.gather(
            self._attempt(utterance, finish=True), self._hear_again(utterance, end)
        )
        await self._drop_stream()
        if heard is not None and heard.adaptation is not None:
            self._learnt.live = utterance.engine, heard.adaptation
        if again is not None:
            utterance.engine, heard = again
            if heard.adaptation is not None:
                self._learnt.again = again[0], heard.adaptation
            utterance.failed = False
        await self._on_end(self.channel, utterance, end, heard or Hypothesis())
        self._utterance = None

    def settled(self) -> None:
        """The final of the oldest utterance is stored, or it has none."""
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
                    heard = self._counted(await self._stream.accept(new))
                assert self._stream is not None
                return await self._last_word(self._stream) if finish else heard
            except (EngineHostDied, EngineFailed) as error:
                await self._drop_stream()
                self._note(utterance, error)
            except (EngineNotAllowed, BadParameter) as error:  # the tenant's wishes have changed
                await self._drop_stream()
                utterance.failed = True
                log.warning("utterance_refused", code=error.code, channel=self.channel)
        return None

    async def _last_word(self, stream: Stream) -> Hypothesis:
        heard = self._counted(await stream.finish())
        assert self._member is not None
        self._member.health.worked()
        return heard

    def _note(self, utterance: Utterance, error: EngineFailed | EngineHostDied) -> None:
        """An attempt came to nothing, which also says something of its engine."""
        member = self._member
        if member is not None and not (isinstance(error, EngineHostDied) and error.of_another):
            member.health.failed((id(self), utterance.number))
        utterance.note(error, self._engines.streaming.attempts(_ATTEMPTS))
        log.warning(
            "utterance_retried", code=error.code, channel=self.channel, engine=utterance.engine
        )

    def _tells_times(self) -> bool:
        """Whether a stream is at work whose words can be told apart by time."""
        member = self._member if self._stream is not None else None
        return member is not None and member.engine.info.word_times

    async def _hear_again(self, utterance: Utterance, end: End) -> tuple[str, Hypothesis] | None:
        """The whole utterance by the engine for finals; None where there is none, where it fails
        (the words that were heard live stand), or where the call is behind already."""
        if self._engines.again is None or self.backlog_samples > _MOST_BEHIND_S * self._rate:
            return None
        sound = Sound(b"".join(utterance.pieces), self._rate, self._engines.expected())
        member: Member[Transcriber] | None = None
        try:
            member = self._engines.again.pick()
            sound = replace(sound, adaptation=learnt_by(member.label, self._learnt.again))
            if end.cut and not member.engine.info.word_times:
                before = 2 * (end.end_sample - utterance.start_sample)
                sound = replace(sound, pcm=sound.pcm[:before])
            async with asyncio.timeout(self._engines.again_within_s):
                [heard] = await member.engine.transcribe([sound], self._language)
        except (EngineFailed, EngineHostDied, TimeoutError) as error:
            if member is not None:
                member.health.failed((id(self), utterance.number))
            log.warning("not_heard_again", error=type(error).__name__, channel=self.channel)
            return None
        except (EngineNotAllowed, BadParameter) as error:
            log.warning("not_heard_again", code=error.code, channel=self.channel)
            return None
        member.health.worked()
        self._on_compute(member.label, heard.compute_s)
        return member.label, heard

    async def _replay(self, utterance: Utterance) -> Hypothesis | None:
        self._member = None
        member = self._member = self._engines.streaming.pick(utterance.attempts)
        utterance.engine = member.label
        learnt = learnt_by(member.label, self._learnt.live)
        self._stream = await member.engine.start_stream(
            self._rate, self._language, learnt, self._engines.expected()
        )
        heard: Hypothesis | None = None
        pcm, most = b"".join(utterance.pieces), self._most_bytes()
        for at in range(0, len(pcm), most):
            heard = self._counted(await self._stream.accept(pcm[at : at + most]))
        return heard

    def _counted(self, heard: Hypothesis) -> Hypothesis:
        """By whom the stream is: whatever becomes of the utterance, this was computed."""
        assert self._member is not None
        self._on_compute(self._member.label, heard.compute_s)
        return heard

    def _most_bytes(self) -> int:
        return int(_LONGEST_ACCEPT_S * self._rate) * 2

    async def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

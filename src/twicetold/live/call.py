"""One running call: its inbox, session, detector and engine streams, joined. I/O lives here."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from dataclasses import dataclass

from twicetold.broker import Consumer, Delivery
from twicetold.errors import Unavailable
from twicetold.live.detection import Detector
from twicetold.live.endpointing import Action, Begin, End, EndpointSettings, first_cut_s
from twicetold.live.engines import Engines
from twicetold.live.inbox import Inbox
from twicetold.live.ledger import Ledger
from twicetold.live.masking import Masking
from twicetold.live.ordering import LONGEST_HOLE_S
from twicetold.live.redacting import Ended, LiveRedactor, Redaction
from twicetold.live.session import CallSession, SameSound, SessionState
from twicetold.live.stabilizer import before_cut, kept, to_tell
from twicetold.live.utterances import ChannelRunner, Utterance
from twicetold.sessions import Record
from twicetold.speech.chunks import (
    AudioChunk,
    Close,
    Finalize,
    LogMessage,
    Pause,
)
from twicetold.speech.events import Caption, NoWords, Partial, Progress, SpeechStarted
from twicetold.speech.transcript import Hypothesis, Word, text_of

_MOST_TAKEN_S = 1.0
_MOST_BACKLOG_S = 10.0
_MOST_TAKEOVERS = 3
_CALM_S = 12.0  # with max_utterance_s: by then what was under way is over, silence before it too
_PROGRESS_INTERVAL_S = 1.0
_MUCH_S, _SOON_S = 4.0, 0.1


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What the live pass reads of the settings."""

    endpointing: EndpointSettings
    partial_interval_s: float = 0.2


class LiveCall:
    """Feed ``inbox``; ``run`` returns when the call is closed, or is no longer ours."""

    def __init__(
        self,
        record: Record,
        ledger: Ledger,
        consumer: Consumer,
        inbox: Inbox,
        engines: Engines,
        detector: Detector,
        settings: LiveSettings,
        same_sound: SameSound | None,
        redactor: LiveRedactor | None = None,
    ) -> None:
        """``redactor`` where personal data is to be removed from the call's words."""
        self._redactor = redactor
        self._redaction: Redaction | None = None
        if redactor is not None:
            # Of calls whose worker kept nothing to go on by: the questions stand in what is here.
            before = () if record.redaction else record.finals
            self._redaction = Redaction(redactor, self._store, before, ledger.computed.add)
            self._masking = Masking(redactor.mask, self._tell_masked, record.channels)
        self._record, self.ledger, self._consumer, self.inbox = record, ledger, consumer, inbox
        self._detector, self._settings = detector, settings
        self._loop = asyncio.get_running_loop()
        self._rate = record.rate
        self._poisoned = False
        self._heard_again = engines.again is not None  # by one that has the last word
        self._states = detector.start(record.rate, record.channels)
        self._session = CallSession(
            record.rate,
            record.channels,
            settings.endpointing,
            detector.frame_samples(record.rate),
            boundaries=tuple(ledger.boundaries),
            utterances=tuple(ledger.utterances),
            cut=ledger.cut,
            same_sound=same_sound,
        )
        self._room = asyncio.Event()
        self._runners = [
            ChannelRunner(
                channel,
                record.rate,
                record.language,
                engines,
                adaptation=ledger.adaptation[channel],
                on_hypothesis=self._partial,
                on_end=self._end,
                on_room=self._room.set,
                on_compute=ledger.computed.add,
            )
            for channel in range(record.channels)
        ]
        self._held: deque[tuple[Delivery, int]] = deque()  # unreleased, with the end of its sound
        # The last partial's text, how many of its words are settled, and its moment.
        self._spoken = [("", 0, 0.0)] * record.channels
        self._progress = (0, 0.0)
        self._telling: asyncio.TimerHandle | None = None
        self._most_taken_bytes = int(_MOST_TAKEN_S * self._rate) * 2 * record.channels
        self._calm_samples = int((settings.endpointing.max_utterance_s + _CALM_S) * record.rate)

    async def run(self) -> None:
        """Raises Conflict when the call has another owner, and whatever its streams raise."""
        await self.ledger.take_over()
        # After too many takeovers at one boundary, what lies there is left to the batch pass.
        self._poisoned = self.ledger.takeovers > _MOST_TAKEOVERS
        try:
            if self._redaction is not None:
                await self._redaction.begin()
            await self._hear_all()
        finally:
            if self._telling is not None:
                self._telling.cancel()
            if self._redactor is not None:
                self._masking.close()
                self._redactor.close()
        await self.ledger.close(self._session.position)
        self.release_all()

    async def _hear_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(runner.run()) for runner in self._runners]
            if self._redaction is not None:
                tasks.append(group.create_task(self._redaction.run()))
            while self._session.state is not SessionState.CLOSED:
                await self._step()
            for runner in self._runners:
                await runner.drained.wait()
            if self._redaction is not None:
                await self._redaction.flush()
            for task in tasks:
                task.cancel()

    def lag_s(self, published: int = 0) -> float:
        """Seconds of audio that were read, or are known to be published, and not heard yet."""
        unread = self.inbox.size_bytes // (2 * self._record.channels)
        return max(0, max(published, self._session.position + unread) - self._heard) / self._rate

    @property
    def closed(self) -> bool:
        """Whether its close was read."""
        return self._session.state is SessionState.CLOSED

    @property
    def _heard(self) -> int:
        """All sound before this sample has been worked through, on every channel."""
        return min(
            self._session.judged if runner.waiting_since is None else runner.waiting_since
            for runner in self._runners
        )

    def release_all(self) -> None:
        while self._held:
            self._consumer.release(self._held.popleft()[0])

    async def _step(self) -> None:
        items = await self.inbox.take(self._most_taken_bytes)
        for receipt, message, _ in items:  # first of all: whatever goes wrong, they are let go
            self._hold(receipt, message if self._fits(message) else None)
        for receipt, message, _ in items:
            if not self._fits(message):
                self._consumer.foreign.tell(receipt.partition, receipt.position)
                continue
            if self._session.state is not SessionState.CLOSED:
                self._perform(self._session.receive(message))
        await self._judge()
        await self._wait_for_room()
        self._release()
        self._tell_progress()
        if self.ledger.takeovers and self._outlived():
            await self.ledger.calm()

    def _outlived(self) -> bool:
        """Whether this worker has come past whatever its predecessors may have died of: finals
        are stored, or there was nothing, up to there."""
        if self._session.began is None:
            return False
        judged = self._session.judged
        starts = [runner.unfinished_since for runner in self._runners]
        past = min(judged if start is None else start for start in starts)
        return past - self._session.began > self._calm_samples

    def _fits(self, message: LogMessage) -> bool:
        """Whether it can be of this call: sound of its layout, not further ahead than any log."""
        if not isinstance(message, AudioChunk):
            return True
        if (message.rate, message.channels) != (self._rate, self._record.channels):
            return False
        position = self._session.position or self._record.next_sample
        return message.first_sample - position <= LONGEST_HOLE_S * self._rate

    def _hold(self, receipt: Delivery, message: LogMessage | None) -> None:
        """Remember what to release, and the sample up to which it is needed; None says nothing."""
        if isinstance(message, AudioChunk):
            self._held.append((receipt, message.end_sample))
        elif isinstance(message, Finalize | Pause):
            self._held.append((receipt, message.sample))
        else:
            self._held.append((receipt, sys.maxsize if isinstance(message, Close) else 0))

    async def _judge(self) -> None:
        while any(frames := self._session.unjudged()):
            for channel, anew in enumerate(self._session.anew):
                if anew:
                    [self._states[channel]] = self._detector.start(self._rate, 1)
            judged = await self._detector.judge(self._states, frames)
            for channel, probabilities in enumerate(judged):
                self._perform(self._session.judge(channel, probabilities))

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if self._poisoned and self._session.began is not None:
                self._poisoned = False
                for runner in self._runners:
                    runner.fail_before = self._session.began + self._calm_samples
            self._runners[action.channel].put(action)
            if isinstance(action, Begin):
                start = round(action.speech_sample / self._rate, 3)
                event = SpeechStarted(action.channel, action.utterance, start)
                self.ledger.caption(Caption.of(event))
                self._spoken[action.channel] = ("", 0, 0.0)

    def _partial(self, channel: int, utterance: Utterance, heard: Hypothesis) -> None:
        before, settled_before, moment = self._spoken[channel]
        now = self._loop.time()
        words = self._stabilized(utterance, heard)
        text, settled = text_of(words), len(text_of(utterance.told).split())
        if not text or (text, settled) == (before, settled_before):
            return
        if before and now - moment < self._settings.partial_interval_s:
            return
        self._spoken[channel] = (text, settled, now)
        origin = utterance.start_sample / self._rate
        words = tuple(word.shifted(origin) for word in words)
        if self._redactor is not None:
            self._masking.put(channel, utterance.number, utterance.engine, words)
        else:
            self._tell_partial(channel, utterance.number, utterance.engine, words, settled)

    def _tell_masked(
        self, channel: int, utterance: int, engine: str, words: tuple[Word, ...]
    ) -> None:
        """None is settled: what stands in for words may take their neighbours."""
        with contextlib.suppress(Unavailable):  # the broker is closed, and with it the call
            self._tell_partial(channel, utterance, engine, words, 0, safe=True)

    def _tell_partial(
        self,
        channel: int,
        utterance: int,
        engine: str,
        words: tuple[Word, ...],
        settled: int,
        *,
        safe: bool = False,
    ) -> None:
        start, end = round(words[0].start, 3), round(words[-1].end, 3)
        text = text_of(words)
        partial = Partial(channel, utterance, start, end, text, engine, settled, safe=safe)
        self.ledger.caption(Caption.of(partial))

    def _stabilized(self, utterance: Utterance, heard: Hypothesis) -> tuple[Word, ...]:
        """The words to show; those that may be told as settled are from now on ``told``."""
        words = kept(utterance.told, heard)
        until = first_cut_s(self._settings.endpointing, utterance.samples / self._rate)
        stands = 0 if self._heard_again else heard.settled
        utterance.told = to_tell(utterance.told, words, stands, until)
        return words

    async def _end(self, channel: int, utterance: Utterance, end: End, heard: Hypothesis) -> None:
        origin = utterance.start_sample / self._rate
        told = () if utterance.failed else utterance.told
        words = tuple(word.shifted(origin) for word in kept(told, heard))
        if end.cut:
            words = before_cut(words, end.end_sample / self._rate)
        span = (utterance.speech_sample / self._rate, end.end_sample / self._rate)
        ended = Ended(
            channel,
            utterance.number,
            end,
            self._runners[channel].adaptation,
            words,
            span if utterance.failed else None,
            utterance.engine,
            self._loop.time(),
        )
        if self._redaction is None:
            await self._store(ended, words)
        else:
            self._masking.ended(channel)
            await self._redaction.put(ended)

    async def _store(
        self, ended: Ended, words: tuple[Word, ...], redaction: str | None = None
    ) -> None:
        """The final of an utterance, with the words that it may have."""
        final = await self.ledger.settle(
            ended.channel,
            ended.utterance,
            ended.end.boundary,
            ended.adaptation,
            words,
            ended.failed_span,
            cut=ended.end.cut,
            engine=ended.engine,
            safe=self._redaction is not None,
            redaction=redaction,
        )
        self._runners[ended.channel].settled()
        if final is None:
            self.ledger.caption(Caption.of(NoWords(ended.channel, ended.utterance)))

    async def _wait_for_room(self) -> None:
        """Stop reading while an engine is behind: audio waits in the broker, not with us."""
        most = _MOST_BACKLOG_S * self._rate
        while max(runner.backlog_samples for runner in self._runners) > most:
            self._release()
            self._tell_progress()
            self._room.clear()
            await self._room.wait()

    def _release(self) -> None:
        """Let go what lies before everything that a successor would need."""
        if not self._held:
            return
        lowest = min(self._session.needed)
        for runner in self._runners:
            if runner.needed is not None and runner.needed < lowest:
                lowest = runner.needed
        while self._held and self._held[0][1] <= lowest:
            self._consumer.release(self._held.popleft()[0])

    def _tell_progress(self) -> None:
        """At most once a second, unless much was heard: who catches up waits for it. What is left
        to tell is told also where no more sound comes."""
        now, (told, moment) = self._loop.time(), self._progress
        sample = self._heard
        due = now - moment >= _PROGRESS_INTERVAL_S or sample - told >= _MUCH_S * self._rate
        if sample > told and due:
            self._progress = told, _ = sample, now
            self.ledger.caption(Caption.of(Progress(sample, self._rate, self.ledger.event)))
        left = sample - told + max(runner.backlog_samples for runner in self._runners)
        if not left:
            return
        at = now + (_SOON_S if left >= _MUCH_S * self._rate else _PROGRESS_INTERVAL_S)
        if self._telling is not None and self._telling.when() > at:
            self._telling.cancel()
            self._telling = None
        if self._telling is None:
            self._telling = self._loop.call_at(at, self._tell_rest)

    def _tell_rest(self) -> None:
        self._telling = None
        with contextlib.suppress(Unavailable):  # the broker is closed, and with it the call
            self._tell_progress()

"""The live pass over a recording, without a server: what its captions would have been.

Sound comes in messages as from a client, each as soon as the engine has heard the one before, so
that the words do not depend on how fast this machine is, and the engine is asked as often as it
would be at the recording's real speed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable

from twicetold.errors import EmptyAudio, EngineFailed
from twicetold.live.detection import Detector
from twicetold.live.endpointing import Action, End, EndpointSettings, first_cut_s
from twicetold.live.engines import Engines
from twicetold.live.session import CallSession, SameSound
from twicetold.live.stabilizer import before_cut, kept, to_tell
from twicetold.live.utterances import ChannelRunner, Utterance
from twicetold.speech.chunks import AudioChunk, Close
from twicetold.speech.transcript import Hypothesis, Segment, text_of

MESSAGE_S = 0.2


class PlayedCall:
    """One recording as a call. ``play`` it once; then read what came of it."""

    def __init__(
        self,
        rate: int,
        channels: int,
        language: str,
        engines: Engines,
        detector: Detector,
        settings: EndpointSettings,
        same_sound: SameSound,
    ) -> None:
        self._rate, self._layout, self._detector = rate, channels, detector
        self._settings = settings
        self._same_sound, self._same, self._apart = same_sound, False, False
        self._states = detector.start(rate, channels)
        self._session = CallSession(
            rate,
            channels,
            settings,
            detector.frame_samples(rate),
            same_sound=self._compare if channels == 2 else None,
        )
        self._runners = [
            ChannelRunner(
                channel,
                rate,
                language,
                engines,
                adaptation=None,
                on_hypothesis=self._partial,
                on_end=self._end,
            )
            for channel in range(channels)
        ]
        self._failed = 0
        self._samples = 0
        self._segments: list[Segment] = []

    @property
    def segments(self) -> list[Segment]:
        """The finals, by start time."""
        return sorted(self._segments, key=lambda segment: (segment.start, segment.channel))

    @property
    def length_s(self) -> float:
        return self._samples / self._rate

    @property
    def channels(self) -> int:
        """Those that differ: 1 where two have been the same sound all along."""
        return 1 if self._same and not self._apart else self._layout

    async def play(
        self, blocks: AsyncIterable[bytes], on_progress: Callable[[float], None] | None = None
    ) -> None:
        """Interleaved PCM s16le in pieces of any size; ``on_progress`` is told the second.

        Raises EmptyAudio, EngineFailed where utterances could not be heard, and what ``blocks``
        raises.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(runner.run()) for runner in self._runners]
                async for block in blocks:
                    await self._hear(block)
                    if on_progress is not None:
                        on_progress(self.length_s)
                self._perform(self._session.receive(Close(1, self._samples)))
                await self._settle()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from group_error
        if not self._samples:
            raise EmptyAudio("The recording holds no sound.")
        if self._failed:
            raise EngineFailed(f"Utterances that could not be heard: {self._failed}.")

    async def _hear(self, block: bytes) -> None:
        size = int(MESSAGE_S * self._rate) * 2 * self._layout
        for at in range(0, len(block), size):
            chunk = AudioChunk(1, self._samples, self._rate, self._layout, block[at : at + size])
            self._samples = chunk.end_sample
            self._perform(self._session.receive(chunk))
            await self._settle()

    async def _settle(self) -> None:
        """Until all sound is judged and the engine has heard what there is to hear."""
        while any(frames := self._session.unjudged()):
            for channel, anew in enumerate(self._session.anew):
                if anew:
                    [self._states[channel]] = self._detector.start(self._rate, 1)
            judged = await self._detector.judge(self._states, frames)
            for channel, probabilities in enumerate(judged):
                self._perform(self._session.judge(channel, probabilities))
        for runner in self._runners:
            await runner.drained.wait()

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            self._runners[action.channel].put(action)

    def _compare(self, pcm: bytes) -> bool | None:
        same = self._same_sound(pcm)
        if same is not None:
            self._same = self._same or same
            self._apart = self._apart or not same
        return same

    def _partial(self, channel: int, utterance: Utterance, heard: Hypothesis) -> None:
        """Words that clients would have been told as settled are in the final."""
        words = kept(utterance.told, heard)
        until = first_cut_s(self._settings, utterance.samples / self._rate)
        utterance.told = to_tell(utterance.told, words, heard.settled, until)

    async def _end(self, channel: int, utterance: Utterance, end: End, heard: Hypothesis) -> None:
        self._failed += utterance.failed
        origin = utterance.start_sample / self._rate
        words = tuple(word.shifted(origin) for word in kept(utterance.told, heard))
        if end.cut:
            words = before_cut(words, end.end_sample / self._rate)
        if words:
            start, last = words[0].start, words[-1].end
            segment = Segment(utterance.number, channel, start, last, text_of(words), words)
            self._segments.append(segment)
        self._runners[channel].settled()

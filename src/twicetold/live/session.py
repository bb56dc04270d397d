"""One call of the live pass, sans-I/O: log messages and speech probabilities in, actions out.

States: ``waiting`` (nothing heard yet) → ``running`` → ``closed`` (its close was reached;
every utterance has been ended). Illegal moves raise "expected … but got …".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum

import numpy as np

from twicetold.live.endpointing import Action, Endpointer, EndpointSettings
from twicetold.live.ordering import Sequencer
from twicetold.speech.chunks import AudioChunk, Close, Finalize, LogMessage, Pause

SameSound = Callable[[bytes], bool | None]


class SessionState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    CLOSED = "closed"


class CallSession:
    """Orders a call's audio and endpoints each channel by itself.

    Use: ``receive`` each log message; while ``unjudged`` gives frames, have them judged, by a
    detector that begins ``anew`` where that is said, and pass the probabilities to ``judge``;
    perform the actions that come back, in order.
    """

    def __init__(
        self,
        rate: int,
        channels: int,
        settings: EndpointSettings,
        frame_samples: int,
        *,
        boundaries: tuple[int, ...] = (),
        utterances: tuple[int, ...] = (),
        cut: tuple[bool, ...] = (),
        same_sound: SameSound | None = None,
    ) -> None:
        """``boundaries``, ``utterances`` and ``cut`` (one a channel; whether the boundary is a cut)
        continue a call that was taken over."""
        self.state = SessionState.WAITING
        self.rate, self.channels = rate, channels
        self._settings, self._frame = settings, frame_samples
        self._boundaries = boundaries or (0,) * channels
        self._utterances = utterances or (0,) * channels
        self._cut = cut or (False,) * channels
        self._sequencer = Sequencer(min(self._boundaries))
        self._same_sound = same_sound
        self._due: deque[LogMessage] = deque()  # waits until all sound before it is judged
        self._endpointers: list[Endpointer] = []
        self._expected = 0  # the sample behind the last chunk
        self.began: int | None = None  # the first sample that is heard here, behind any hole

    @property
    def position(self) -> int:
        """The next sample that is expected."""
        return self._sequencer.position or 0

    @property
    def needed(self) -> tuple[int, ...]:
        """Per channel, the first sample that the endpointing may still want."""
        return tuple(endpointer.needed for endpointer in self._endpointers) or self._boundaries

    @property
    def judged(self) -> int:
        """All sound before this sample has been judged, on every channel."""
        return min((endpointer.judged for endpointer in self._endpointers), default=0)

    def receive(self, message: LogMessage) -> list[Action]:
        """Take one message of the log in; audio waits in ``unjudged``, and all else until that is
        judged: where a channel's sound ends or is cut must not depend on what came at once."""
        if self.state is SessionState.CLOSED:
            raise RuntimeError(f"expected no message once closed but got {type(message).__name__}")
        self._due.extend(self._sequencer.accept(message))
        return self._act()

    def unjudged(self) -> list[bytes]:
        """Per channel, the whole frames of sound that wait for probabilities."""
        return [endpointer.unjudged() for endpointer in self._endpointers]

    @property
    def anew(self) -> list[bool]:
        """Per channel, whether the detector is to begin anew with what is unjudged."""
        return [endpointer.anew for endpointer in self._endpointers]

    def judge(self, channel: int, probabilities: list[float]) -> list[Action]:
        """Actions may be of any channel: what waited for this sound to be judged is done."""
        return self._endpointers[channel].judge(probabilities) + self._act()

    def _act(self) -> list[Action]:
        """Take what is due in, up to what must wait."""
        actions: list[Action] = []
        while self._due and (self._follows(self._due[0]) or not any(self.unjudged())):
            due = self._due.popleft()
            if isinstance(due, AudioChunk):
                actions += self._hear(due)
            elif isinstance(due, Finalize):
                actions += self._flush(all_of_it=False)
            elif isinstance(due, Pause):
                for endpointer in self._endpointers:
                    actions += endpointer.pause()
            elif isinstance(due, Close):
                actions += self._flush(all_of_it=True)
                self.state = SessionState.CLOSED
        return actions

    def _follows(self, due: LogMessage) -> bool:
        """Whether it is sound that follows on what is there."""
        return isinstance(due, AudioChunk) and due.first_sample <= self._expected

    def _flush(self, *, all_of_it: bool) -> list[Action]:
        return [
            action
            for endpointer in self._endpointers
            for action in endpointer.flush(all_of_it=all_of_it)
        ]

    def _hear(self, chunk: AudioChunk) -> list[Action]:
        if chunk.channels != self.channels or chunk.rate != self.rate:
            raise RuntimeError(
                f"expected {self.channels} channels at {self.rate} Hz"
                f" but got {chunk.channels} at {chunk.rate}"
            )
        actions: list[Action] = []
        if self.state is SessionState.WAITING:
            self._start(chunk.first_sample)
        elif chunk.first_sample > self._expected:
            actions = self._begin_behind_hole(chunk.first_sample)
        self._expected = chunk.end_sample
        for channel, (endpointer, pcm) in enumerate(
            zip(self._endpointers, self._split(chunk.pcm), strict=True)
        ):
            # A successor's log begins at the lowest boundary; this channel may be further on.
            skip = max(0, self._boundaries[channel] - chunk.first_sample)
            endpointer.append(pcm[2 * skip :] if skip else pcm)
        return actions

    def _begin_behind_hole(self, sample: int) -> list[Action]:
        """The log has lost what came before: nobody's words go on across it."""
        actions = self._flush(all_of_it=True)
        self._utterances = tuple(each.utterance for each in self._endpointers)
        self._endpointers = []
        self._start(sample)
        return actions

    def _start(self, first_sample: int) -> None:
        self.state = SessionState.RUNNING
        self.began = max(first_sample, min(self._boundaries))
        for channel, boundary in enumerate(self._boundaries):
            self._endpointers.append(
                Endpointer(
                    channel,
                    self.rate,
                    self._frame,
                    self._settings,
                    position=max(first_sample, boundary),
                    utterance=self._utterances[channel],
                    cut=self._cut[channel] and first_sample <= boundary,
                )
            )

    def _split(self, pcm: bytes) -> list[bytes]:
        if self.channels == 1:
            return [pcm]
        if self._same_sound is not None and self._same_sound(pcm):
            # Dual mono: heard once, on channel 0, so that no word is given twice.
            return [_channel(pcm, 0, self.channels), bytes(len(pcm) // self.channels)]
        return [_channel(pcm, channel, self.channels) for channel in range(self.channels)]


def _channel(pcm: bytes, channel: int, channels: int) -> bytes:
    return np.frombuffer(pcm, dtype="<i2")[channel::channels].tobytes()

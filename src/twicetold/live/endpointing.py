"""Cuts one channel's sound into utterances, sans-I/O: sound and probabilities in, actions out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twicetold.live.sound import SoundBuffer
from twicetold.speech.activity import Ended, GateSettings, SpeechGate, Started, quietest

_RELEASE = 0.35  # speech goes on while it is at least this likely
_WORD_OVER_S = 0.2  # of silence; within a word there is less
_MOST_OPEN_S = 2.0  # of what was said last stays open where sound breaks off
_DOUBT_S = 1.0  # so late a gate may say that somebody speaks
_SILENCE_S = 10.0  # so much since the last utterance a successor is to hear as well
_MOST_JUDGED_S = 1.0  # at once: behind a cut there may be more, and other calls have their turn


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """How utterances are cut; see the settings of the same names."""

    min_silence_ms: int = 500
    pre_roll_ms: int = 300
    max_utterance_s: float = 30.0
    threshold: float = 0.5


def first_cut_s(settings: EndpointSettings, heard_s: float) -> float:
    """No cut that is still to come lies before this second of an utterance of which so much has
    been heard."""
    return max(0.0, min(heard_s - _MOST_OPEN_S, settings.max_utterance_s / 2))


@dataclass(frozen=True, slots=True)
class Begin:
    """An utterance begins; its sound starts at ``start_sample`` (pre-roll included). Whoever is
    to find it again as it is must hear from ``needed`` on."""

    channel: int
    utterance: int
    start_sample: int
    speech_sample: int
    needed: int


@dataclass(frozen=True, slots=True)
class Hear:
    """More sound of the running utterance, following on what was heard before."""

    channel: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The utterance is over. Its words lie before ``end_sample``; all sound before
    ``boundary`` is dealt with once its final is stored.

    ``cut`` says that speech was cut after the fact, a monologue or one that broke off: the
    stream has heard past the cut, and words after it belong to the next utterance.
    """

    channel: int
    utterance: int
    end_sample: int
    boundary: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Rest:
    """Sound of the running utterance may be long in coming: its engine may turn to others."""

    channel: int


Action = Begin | Hear | End | Rest


class Endpointer:
    """One channel. Append sound, have it judged, and pass the probabilities in, until no frame is
    left.

    Frames lie where they would had the call been heard from its first sample, and behind every
    utterance detector and gate begin anew, behind a cut with the gate open: so whoever goes on at
    a boundary judges as one that has heard all of the call, and cuts the same utterances.
    """

    def __init__(
        self,
        channel: int,
        rate: int,
        frame_samples: int,
        settings: EndpointSettings,
        *,
        position: int = 0,
        utterance: int = 0,
        cut: bool = False,
    ) -> None:
        """``position``: the sample at which sound begins; ``utterance``: the last number used;
        ``cut``: that one was cut at ``position``, so the next is under way there."""
        self.channel = channel
        self.utterance = utterance
        self.floor = position  # sound before it belongs to an utterance that has ended
        self._rate, self._frame = rate, frame_samples
        self._pre_roll = settings.pre_roll_ms * rate // 1000
        self._longest = int(settings.max_utterance_s * rate)
        self._gate_settings = GateSettings(
            threshold=settings.threshold,
            release=min(_RELEASE, settings.threshold),
            min_silence_ms=settings.min_silence_ms,
        )
        self._begin_anew(position)
        self._cut_at = position if cut else None  # an utterance is to begin there, with its sound
        self._sound = SoundBuffer(position)
        self._begun: int | None = None  # first sample of the running utterance
        self._needed = position  # to find it again
        self._heard = position
        self._marks: list[tuple[int, bool]] = []  # where judging stood, whether it was a flush

    @property
    def speaking(self) -> bool:
        return self._begun is not None

    @property
    def needed(self) -> int:
        """The first sample that may still be wanted from the broker after a restart."""
        if self._begun is not None:
            return self._needed
        return max(self.floor, self.judged - int(_SILENCE_S * self._rate))

    @property
    def _kept(self) -> int:
        """The first sample that an utterance may still be made of."""
        if self._begun is not None:
            return self._begun
        return max(self.floor, self.judged - self._pre_roll - int(_DOUBT_S * self._rate))

    def append(self, pcm: bytes) -> None:
        """Mono PCM s16le that follows on what was appended before."""
        self._sound.append(pcm)

    def unjudged(self) -> bytes:
        """The whole frames that wait for their probabilities, a second of them at most."""
        waiting = min(self._sound.end - self.judged, int(_MOST_JUDGED_S * self._rate))
        frames = max(0, waiting) // self._frame
        return self._sound.between(self.judged, self.judged + frames * self._frame)

    def judge(self, probabilities: list[float]) -> list[Action]:
        """One probability per frame of ``unjudged``, in order. Where an utterance ends or is cut,
        those of the frames behind it are void: they are to be judged again."""
        actions: list[Action] = []
        if self._cut_at is not None and probabilities:
            actions += self._go_on(self._cut_at)
        for probability in probabilities:
            self.anew = False
            self.judged += self._frame
            for event in self._gate.accept(probability):
                if isinstance(event, Started):
                    actions += self._begin(self._sample(event.frame))
                elif isinstance(event, Ended):
                    actions += self._end(self._sample(event.frame))
            if self._begun is not None and self.judged - self._begun >= self._longest:
                actions += self._cut((self._begun + self.judged) // 2)
            actions += self._meet_marks()
            if self.anew:
                break
        actions += self._hear(self.judged)
        self._forget()
        return actions

    def flush(self, *, all_of_it: bool = False) -> list[Action]:
        """End the running utterance here; ``all_of_it`` takes the rest of a frame along, and
        nothing may follow."""
        actions = self._flush(self._sound.end if all_of_it else self.judged)
        self._mark(flushes=True)
        self._forget()
        return actions

    def pause(self) -> list[Action]:
        """No sound comes for now. What silence follows is ended here; where a word may be
        broken off, what was said since the longest dip of the last two seconds goes on when
        sound does."""
        self._mark(flushes=False)
        return self._pause()

    def _mark(self, *, flushes: bool) -> None:
        mark = (self.judged, flushes)
        if mark not in self._marks:  # a second one finds nothing more to do
            self._marks.append(mark)

    def _meet_marks(self) -> list[Action]:
        """Where sound is judged again, its marks hold again: a successor meets them behind it."""
        actions: list[Action] = []
        for sample, flushes in self._marks:
            if sample == self.judged and not self.anew:
                actions += self._flush(sample) if flushes else self._pause()
        return actions

    def _forget(self) -> None:
        """What lies before anything that may still be judged again or be part of an utterance."""
        kept = self._kept
        self._sound.forget(kept)
        self._marks = [mark for mark in self._marks if mark[0] > kept]

    def _flush(self, end: int) -> list[Action]:
        actions: list[Action] = []
        if self._begun is not None:
            actions = [*self._hear(end), End(self.channel, self.utterance, end, end)]
            self._begun, self.floor = None, end
            self.anew = True
        self._gate, self._gate_origin = self._fresh_gate(), self.judged
        return actions

    def _pause(self) -> list[Action]:
        if self._begun is None:
            return []
        if self._gate.silence_frames * self._frame >= int(_WORD_OVER_S * self._rate):
            return [
                action
                for event in self._gate.flush()
                for action in self._end(self._sample(event.frame))
            ]
        most_open = int(_MOST_OPEN_S * self._rate)
        if self.judged - self._begun > most_open:
            return self._cut(self.judged - most_open)
        more = self._sound.end - self.judged >= self._frame  # where this is met again
        return self._hear(self.judged) + ([] if more else [Rest(self.channel)])

    def _sample(self, frame: int) -> int:
        return self._gate_origin + frame * self._frame

    def _begin(self, speech_sample: int) -> list[Action]:
        start = max(self.floor, speech_sample - self._pre_roll, self._sound.start)
        self.utterance += 1
        self._needed = min(self.needed, start)
        self._begun = self._heard = start
        return [Begin(self.channel, self.utterance, start, speech_sample, self._needed)]

    def _hear(self, until: int) -> list[Action]:
        if self._begun is None or until <= self._heard:
            return []
        start = self._heard
        self._heard = until
        return [Hear(self.channel, self._sound.between(start, until))]

    def _end(self, silence_sample: int) -> list[Action]:
        if self._begun is None:
            return []
        actions = self._hear(self.judged)
        # The next utterance's pre-roll may reach back to here, not into this one's words.
        boundary = max(silence_sample, self.judged - self._pre_roll)
        actions.append(End(self.channel, self.utterance, silence_sample, boundary))
        self._begun, self.floor = None, boundary
        self._begin_anew(boundary)
        return actions

    def _begin_anew(self, sample: int, *, speaking: bool = False) -> None:
        self.judged = _next_frame(sample, self._frame)  # sound before it has been judged
        self.anew = True  # the detector is to begin anew with the next frame
        self._gate, self._gate_origin = self._fresh_gate(speaking=speaking), self.judged

    def _fresh_gate(self, *, speaking: bool = False) -> SpeechGate:
        return SpeechGate(self._gate_settings, self._frame / self._rate, speaking=speaking)

    def _cut(self, earliest: int) -> list[Action]:
        """End the utterance at its quietest place from there on; what follows is a new one.
        Not in the silence that it ends in: nothing would be left there to go on."""
        assert self._begun is not None
        actions = self._hear(self.judged)
        loudness = self._loudness(self._begun, self.judged)
        first = -(-(earliest - self._begun) // self._frame)
        last = max(first + 1, len(loudness) - self._gate.silence_frames)
        frame = quietest(loudness, first, last)
        cut = self._begun + frame * self._frame
        actions.append(End(self.channel, self.utterance, cut, cut, cut=True))
        return actions + self._go_on(cut)

    def _go_on(self, cut: int) -> list[Action]:
        """The utterance behind a cut begins: the same here as where a successor takes it up."""
        self._cut_at = None
        self.floor = self._begun = self._heard = self._needed = cut
        self.utterance += 1
        self._begin_anew(cut, speaking=True)
        return [Begin(self.channel, self.utterance, cut, cut, cut)]

    def _loudness(self, start: int, end: int) -> list[float]:
        sound = np.frombuffer(self._sound.between(start, end), "<i2").astype(np.float32)
        whole = len(sound) // self._frame * self._frame
        frames = sound[:whole].reshape(-1, self._frame)
        return [float(value) for value in np.sqrt(np.mean(frames * frames, axis=1))]


def _next_frame(sample: int, frame_samples: int) -> int:
    """Where the first frame begins that has no sound before that sample."""
    return -(-sample // frame_samples) * frame_samples

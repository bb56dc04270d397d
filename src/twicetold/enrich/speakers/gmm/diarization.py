"""The port's verbs: sound is gathered as features, and diarized ten minutes at a time."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from twicetold.enrich.speakers.gmm import activity
from twicetold.enrich.speakers.gmm.activity import Stretch
from twicetold.enrich.speakers.gmm.alignment import aligned
from twicetold.enrich.speakers.gmm.clustering import Labels, clustered
from twicetold.enrich.speakers.gmm.features import (
    FRAMES_A_SECOND,
    Features,
    Floats,
    Listening,
    joined,
)
from twicetold.enrich.speakers.gmm.gaussians import Moments, summed
from twicetold.enrich.speakers.gmm.stitching import Voices
from twicetold.enrich.speakers.naming import named
from twicetold.enrich.speakers.needs import missing
from twicetold.errors import UnsupportedRate
from twicetold.speech.turns import Turn

_RATES = (8_000, 16_000)
_STRETCH_S = 600.0
_BLOCK_S = 10.0  # of sound that features are taken from at once
_SHORTEST = 10  # frames of a turn
_QUIETEST = 15  # per cent of speech that say too little of a voice: breath, and ends of words


@dataclass(frozen=True, slots=True)
class GmmDiarizer:
    """A Diarizer. ``stretch_s`` is how much sound it looks at together; it holds up to half as
    much more. ``frame_s`` is the activity detector's."""

    stretch_s: float = _STRETCH_S
    frame_s: float = 0.032
    name: str = "gmm"

    def __post_init__(self) -> None:
        """Raises MissingExtra."""
        try:
            # What is needed of it later: in the middle of a call it would take a second.
            import scipy.cluster.hierarchy
            import scipy.optimize  # noqa: F401
        except ImportError as error:
            raise missing(self.name) from error

    def start(self, rate: int) -> GmmDiarization:
        if rate not in _RATES:
            raise UnsupportedRate(f"Diarization takes 8000 or 16000 Hz but got {rate} Hz.")
        return GmmDiarization(rate, self.stretch_s, self.frame_s)


class GmmDiarization:
    """A Diarization."""

    def __init__(self, rate: int, stretch_s: float, frame_s: float) -> None:
        self._listening = Listening(rate)
        self._block = int(_BLOCK_S * rate) * 2
        self._stretch = int(stretch_s * FRAMES_A_SECOND)
        self._frame_s = frame_s
        self._sound = bytearray()
        self._parts: deque[Features] = deque()
        self._held = 0  # frames in them
        self._first = 0  # number of the first
        self._speech = array("d")
        self._detected = False  # whether anybody told where speech is
        self._forgotten = 0  # probabilities that are not needed any more
        self._scale: tuple[Floats, Floats] | None = None
        self._voices = Voices()
        self._turns: list[tuple[int, int, int]] = []  # first frame, frame after the last, voice

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        self._sound += pcm
        self._speech.extend(speech)
        self._detected = self._detected or len(speech) > 0
        while len(self._sound) >= self._block:
            self._hear(bytes(self._sound[: self._block]))
            del self._sound[: self._block]
        # The rest is looked at together with half a stretch more: the last one is never short.
        while self._held >= self._stretch * 3 // 2 and self._judged(self._stretch):
            self._diarize(self._stretch)

    def finish(self) -> list[Turn]:
        self._hear(bytes(self._sound[: len(self._sound) // 2 * 2]))
        self._keep(self._listening.finish())
        self._sound.clear()
        if self._held:
            self._diarize(self._held)
        return named(
            Turn(start / FRAMES_A_SECOND, end / FRAMES_A_SECOND, str(self._voices.number(voice)))
            for start, end, voice in self._turns
        )

    def _hear(self, pcm: bytes) -> None:
        self._keep(self._listening.accept(pcm))

    def _keep(self, features: Features) -> None:
        if len(features):
            self._parts.append(features)
            self._held += len(features)

    def _judged(self, frames: int) -> bool:
        """Whether the detector has told of so many frames, or will not any more."""
        told_s = (self._forgotten + len(self._speech)) * self._frame_s
        needed_s = (self._first + frames) / FRAMES_A_SECOND
        return not self._detected or told_s >= needed_s or self._held > 2 * self._stretch

    def _diarize(self, frames: int) -> None:
        features = self._taken(frames)
        speech = self._stretches(features)
        if speech:
            self._place(features, speech)
        self._first += frames
        needless = int(self._first / FRAMES_A_SECOND / self._frame_s) - self._forgotten
        del self._speech[: max(0, needless)]
        self._forgotten += max(0, needless)

    def _taken(self, frames: int) -> Features:
        """The first of those that are held, which are held no longer."""
        taken: list[Features] = []
        while (wanting := frames - sum(map(len, taken))) > 0:
            part = self._parts.popleft()
            if len(part) > wanting:
                self._parts.appendleft(part[wanting:])
            taken.append(part[:wanting])
        self._held -= frames
        return joined(taken)

    def _stretches(self, features: Features) -> list[Stretch]:
        if not self._detected:
            return activity.loud_stretches(features.loudness)
        first_s = self._first / FRAMES_A_SECOND - self._forgotten * self._frame_s
        return activity.stretches(self._speech, first_s, self._frame_s, len(features))

    def _place(self, features: Features, speech: Sequence[Stretch]) -> None:
        heard = _heard(features.loudness, speech)
        frames = self._normalised(features.cepstra, heard)
        labels = aligned(clustered(frames, features, heard, speech), frames, heard, speech)
        found = {
            int(each): Moments.of(frames[(labels == each) & heard])
            for each in np.unique(labels[labels >= 0])
        }
        placed = self._voices.place(found, summed(list(found.values())).covariance)
        for start, end, label in _turns(labels, speech):
            self._turns.append((self._first + start, self._first + end, placed[label]))

    def _normalised(self, cepstra: Floats, heard: NDArray[np.bool_]) -> Floats:
        """By the first stretch with speech, or a voice would not be found again in the next. It is
        done in place."""
        if self._scale is None:
            spoken = cepstra[heard]
            self._scale = spoken.mean(axis=0), spoken.std(axis=0) + np.float32(1e-3)
        mean, deviation = self._scale
        cepstra -= mean
        cepstra /= deviation
        return cepstra


def _heard(loudness: Floats, speech: Sequence[Stretch]) -> NDArray[np.bool_]:
    inside = np.zeros(len(loudness), bool)
    for start, end in speech:
        inside[start:end] = True
    heard: NDArray[np.bool_] = inside & (loudness >= np.percentile(loudness[inside], _QUIETEST))
    return heard


def _turns(labels: Labels, speech: Sequence[Stretch]) -> list[tuple[int, int, int]]:
    """Where each label is said; a change within a few frames of another, or of a pause, is none."""
    turns = []
    for start, end in speech:
        changes = start + 1 + np.flatnonzero(np.diff(labels[start:end]))
        bounds = [start]
        for at in changes:
            if at - bounds[-1] >= _SHORTEST:
                bounds.append(int(at))
        if len(bounds) > 1 and end - bounds[-1] < _SHORTEST:
            bounds.pop()
        turns += [
            (begin, until, int(np.bincount(labels[begin:until]).argmax()))
            for begin, until in pairwise([*bounds, end])
        ]
    return turns

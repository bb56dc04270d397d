"""The engine: utterances decoded as they come in, recordings stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from twicetold.engines import EngineInfo, Sound
from twicetold.engines.inlet import RATE, Floats, Inlet, check_rate, resampled
from twicetold.engines.moonshine.files import files_of
from twicetold.engines.moonshine.info import moonshine_info
from twicetold.engines.moonshine.model import Line, Model
from twicetold.errors import EngineFailed
from twicetold.speech.activity import quietest
from twicetold.speech.transcript import Hypothesis, Word

_AGAIN_SAMPLES, _AGAIN_SHARE = 7_680, 0.15  # of new sound, before a line is decoded again
_GRID_SAMPLES = 2_560  # what both the package's chunks and its hops divide
_CUT_S = 6.0  # from the end of a line that is too long: somewhere in there it is cut
_FRAME_SAMPLES = RATE // 50
# A token a letter or so; the package's documentation names twice the rate for these. A language
# that is not known may be one.
_LATIN = {"en", "de", "es", "tl"}
_TOKENS_PER_S, _TOKENS_PER_S_OTHERS = 6.5, 13.0


class MoonshineEngine:
    """A HostedEngine. ``model``: the directory of a model; ``threads``: 1, or as many as cores.
    ``tokens_per_s``: how many of them a second of sound has at most; None: by its language."""

    def __init__(self, model: str, *, threads: int = 1, tokens_per_s: float | None = None) -> None:
        """Raises SettingError, MissingExtra, EngineFailed."""
        self._info = moonshine_info(Path(model))
        latin = _LATIN.issuperset(self._info.languages)
        usual = _TOKENS_PER_S if latin else _TOKENS_PER_S_OTHERS
        self.model = Model(
            files_of(Path(model)), tokens_per_s=tokens_per_s or usual, threads=threads
        )

    @property
    def info(self) -> EngineInfo:
        return self._info

    def start(self, rate: int, language: str, adaptation: str | None) -> LiveStream:
        """Raises UnsupportedRate, BadParameter."""
        check_rate(self._info.name, rate)
        self._info.spoken(language)
        return LiveStream(self.model, rate)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        """The whole of it, in stretches that the model takes."""
        check_rate(self._info.name, sound.rate)
        words, begin = list[Word](), 0
        for piece in _pieces(resampled(sound), round(self.model.line_s * RATE)):
            words += [word.shifted(begin / RATE) for word in self.model.hear(piece)]
            begin += len(piece)
        return Hypothesis(_inside(words, sound.seconds))


class LiveStream:
    """One utterance. What was heard is decoded again from the line's beginning, as its encoder's
    frames stay: so it happens the more seldom the longer the line is, and at places that depend on
    the sound alone, whatever pieces it comes in.

    A line that grows too long is cut at its quietest place and heard again up to there, which
    settles its words; what lies behind is the next line's.
    """

    def __init__(self, model: Model, rate: int) -> None:
        self._model, self._inlet = model, Inlet(rate)
        self._rate, self._bytes = rate, 0
        self._line: Line | None = model.line()
        self._waiting: Floats = np.zeros(0, np.float32)
        self._heard: list[Floats] = []  # of the line
        self._samples = self._begin = 0  # of the line; samples of the utterance before it
        self._settled: list[Word] = []
        self._words: list[Word] = []  # of the line

    def accept(self, pcm: bytes) -> Hypothesis:
        self._going()
        self._bytes += len(pcm)
        self._waiting = np.concatenate([self._waiting, self._inlet.take(pcm)])
        while len(self._waiting) >= (due := self._due()):
            self._hear(due)
        return self._hypothesis()

    def finish(self) -> Hypothesis:
        self._waiting = np.concatenate([self._waiting, self._inlet.rest()])
        while len(self._waiting):  # again where the line was cut: what lies behind waits
            self._hear(len(self._waiting))
        if self._samples:
            self._words = self._going().end()
        heard = self._hypothesis()
        self.close()
        return heard

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _due(self) -> int:
        """Samples to the next time that the line is decoded."""
        share = round(_AGAIN_SHARE * self._samples / _GRID_SAMPLES) * _GRID_SAMPLES
        return max(_AGAIN_SAMPLES, share)

    def _hear(self, samples: int) -> None:
        sound, self._waiting = self._waiting[:samples], self._waiting[samples:]
        self._heard.append(sound)
        self._samples += samples
        self._words = self._going().hear(sound)
        if self._samples > self._model.line_s * RATE:
            self._cut()

    def _cut(self) -> None:
        whole = np.concatenate(self._heard)
        at = _quiet_place(whole, len(whole))
        self.close()
        self._settled += self._shifted(self._model.hear(whole[:at]))
        self._begin += at
        self._line = self._model.line()
        self._heard, self._samples, self._words = [], 0, []
        self._waiting = np.concatenate([whole[at:], self._waiting])

    def _hypothesis(self) -> Hypothesis:
        words = [*self._settled, *self._shifted(self._words)]
        seconds = self._bytes / 2 / self._rate
        return Hypothesis(_inside(words, seconds), settled=len(self._settled))

    def _shifted(self, words: list[Word]) -> list[Word]:
        return [word.shifted(self._begin / RATE) for word in words]

    def _going(self) -> Line:
        if self._line is None:
            raise EngineFailed("The utterance is over.")
        return self._line


def _pieces(whole: Floats, most: int) -> Iterator[Floats]:
    """Stretches of up to ``most`` samples, cut where it is quiet."""
    while len(whole) > most:
        at = _quiet_place(whole, most)
        yield whole[:at]
        whole = whole[at:]
    yield whole


def _quiet_place(sound: Floats, end: int) -> int:
    """The sample before ``end`` where ``sound`` is best cut."""
    frames = end // _FRAME_SAMPLES
    power = np.square(sound[: frames * _FRAME_SAMPLES]).reshape(frames, -1).mean(axis=1)
    low = max(1, frames - round(_CUT_S * RATE / _FRAME_SAMPLES))
    return quietest(np.sqrt(power).tolist(), low, frames) * _FRAME_SAMPLES


def _inside(words: list[Word], seconds: float) -> tuple[Word, ...]:
    """None of them behind the sound, whose length at 16 kHz is rounded."""
    return tuple(
        word if word.end <= seconds else replace(word, start=min(word.start, seconds), end=seconds)
        for word in words
    )

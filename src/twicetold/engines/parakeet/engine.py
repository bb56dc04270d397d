"""The engine: recordings in windows, utterances decoded again as they grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from twicetold.engines import EngineInfo, Sound
from twicetold.engines.inlet import RATE, Floats, Inlet
from twicetold.engines.parakeet.info import PARAKEET_INFO
from twicetold.engines.parakeet.model import Model
from twicetold.engines.parakeet.transducer import Emitted, StreamState
from twicetold.engines.parakeet.windows import Window, WindowPlan, Windows
from twicetold.engines.parakeet.wording import words_of
from twicetold.errors import UnsupportedRate
from twicetold.speech.transcript import Hypothesis

_RATES = (8_000, RATE)
_LEAST_SAMPLES = RATE // 10  # less is no word
_AGAIN_S, _AGAIN_SHARE = 0.5, 0.15  # of new sound, before an utterance is decoded again


class ParakeetEngine:
    """A HostedEngine. ``model``: the directory of a model; ``threads`` 0: all cores."""

    def __init__(
        self,
        model: str,
        *,
        quantization: str | None = None,
        threads: int = 0,
        window_s: tuple[float, float, float] = (5.0, 20.0, 3.0),
    ) -> None:
        self._model = Model(Path(model), quantization=quantization, threads=threads)
        self._plan = WindowPlan.of_seconds(*window_s)

    @property
    def info(self) -> EngineInfo:
        return PARAKEET_INFO

    def start(self, rate: int, language: str, adaptation: str | None) -> _LiveStream:
        _check(rate)
        return _LiveStream(self, rate)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        _check(sound.rate)
        inlet = Inlet(sound.rate)
        return self.hear(np.concatenate([inlet.take(sound.pcm), inlet.rest()]))

    def hear(self, sound: Floats) -> Hypothesis:
        """The words in sound at 16 kHz, of any length, in constant memory but for the words."""
        if len(sound) < _LEAST_SAMPLES:
            return Hypothesis()
        windows, state = Windows(self._plan), self._model.greedy.start()
        emitted: list[Emitted] = []
        for window in _all_of(windows, sound):
            some, state = self._decode(window, state)
            emitted += some
        return Hypothesis(tuple(words_of(emitted, self._model.vocabulary)))

    def _decode(self, window: Window, state: StreamState) -> tuple[list[Emitted], StreamState]:
        (frames,) = self._model.encode([window.sound])
        end = None if window.take is None else window.skip + window.take
        ((some, state),) = self._model.greedy.decode([(frames[window.skip : end], state)])
        return some, state


def _all_of(windows: Windows, sound: Floats) -> Iterator[Window]:
    yield from windows.hear(sound)
    yield from windows.finish()


class _LiveStream:
    """One utterance, decoded again from its beginning: over one or two seconds alone the features'
    normalisation would make silence loud. What that costs grows with the utterance, so it happens
    the more seldom the longer it is: all together no more than some times the last one."""

    def __init__(self, engine: ParakeetEngine, rate: int) -> None:
        self._engine, self._inlet = engine, Inlet(rate)
        self._pieces: list[Floats] = []
        self._samples = self._decoded = 0
        self._last = Hypothesis()

    def accept(self, pcm: bytes) -> Hypothesis:
        self._take(self._inlet.take(pcm))
        new = self._samples - self._decoded
        if new >= max(_AGAIN_S * RATE, _AGAIN_SHARE * self._samples):
            self._decode()
        return self._last

    def finish(self) -> Hypothesis:
        self._take(self._inlet.rest())
        if self._samples > self._decoded:
            self._decode()
        return self._last

    def close(self) -> None:
        self._pieces.clear()

    def _take(self, sound: Floats) -> None:
        if len(sound):
            self._pieces.append(sound)
            self._samples += len(sound)

    def _decode(self) -> None:
        self._pieces = [np.concatenate(self._pieces)]
        self._last = self._engine.hear(self._pieces[0])
        self._decoded = self._samples


def _check(rate: int) -> None:
    if rate not in _RATES:
        raise UnsupportedRate(f"Engine parakeet takes 8000 or 16000 Hz but got {rate} Hz.")

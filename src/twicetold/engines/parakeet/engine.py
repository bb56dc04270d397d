"""The engine: recordings in windows, utterances decoded again as they grow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from twicetold.engines import EngineInfo, Sound
from twicetold.engines.inlet import RATE, Floats, Inlet, check_rate, resampled
from twicetold.engines.parakeet.board import StreamState
from twicetold.engines.parakeet.info import PARAKEET_INFO
from twicetold.engines.parakeet.model import Model
from twicetold.engines.parakeet.transducer import Emitted
from twicetold.engines.parakeet.windows import Window, WindowPlan, Windows
from twicetold.engines.parakeet.wording import words_of
from twicetold.speech.transcript import Hypothesis

_LEAST_SAMPLES = RATE // 10  # less is no word
_MOST_ENCODED, _MOST_ON_GPU = 8, 32  # windows at once: what their activations may take
_STEPS = ((4, 0.5), (8, 1.0), (16, 2.0), (math.inf, 4.0))  # up to so many seconds, padded to steps
_AGAIN_S, _AGAIN_SHARE = 0.5, 0.15  # of new sound, before an utterance is decoded again


class ParakeetEngine:
    """A JointEngine. ``model``: the directory of a model; ``threads`` 0: all cores; ``together``:
    utterances that are decoded at once; ``device``: auto, cpu, cuda or tensorrt.

    Of a quantized model it is one: its scales are of all that goes through at once, so that a
    neighbour could change a word.
    """

    def __init__(
        self,
        model: str,
        *,
        quantization: str | None = None,
        threads: int = 0,
        window_s: tuple[float, float, float] = (5.0, 20.0, 3.0),
        together: int = 16,
        device: str = "auto",
    ) -> None:
        self._model = Model(Path(model), quantization=quantization, threads=threads, device=device)
        self._plan = WindowPlan.of_seconds(*window_s)
        self.together = 1 if self._model.quantized else together

    @property
    def info(self) -> EngineInfo:
        return PARAKEET_INFO

    def start(self, rate: int, language: str, adaptation: str | None) -> LiveStream:
        check_rate(self.info.name, rate)
        return LiveStream(self, rate)

    def decode(self, streams: Sequence[LiveStream]) -> None:
        """See ``JointEngine``."""
        heard = self.hear_all([stream.sound() for stream in streams])
        for stream, hypothesis in zip(streams, heard, strict=True):
            stream.heard = hypothesis

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        return self.transcribe_all([(sound, language)])[0]

    def transcribe_all(self, sounds: Sequence[tuple[Sound, str]]) -> list[Hypothesis]:
        """See ``JointEngine``."""
        for sound, _ in sounds:
            check_rate(self.info.name, sound.rate)
        return self.hear_all([resampled(sound) for sound, _ in sounds])

    def hear_all(self, sounds: Sequence[Floats]) -> list[Hypothesis]:
        """The words in sounds at 16 kHz, of any length, in constant memory but for the words."""
        listenings = [_Listening(sound, self._plan, self._model.greedy.start()) for sound in sounds]
        while going := [each for each in listenings if each.advance()]:
            encoded = zip(going, self._encoded([each.window.sound for each in going]), strict=True)
            chunks = [(each.chunk(frames), each.state) for each, frames in encoded]
            decoded = self._model.greedy.decode(chunks)
            for each, (emitted, state) in zip(going, decoded, strict=True):
                each.emitted += emitted
                each.state = state
        vocabulary = self._model.vocabulary
        return [Hypothesis(tuple(words_of(each.emitted, vocabulary))) for each in listenings]

    def _encoded(self, sounds: Sequence[Floats]) -> list[Floats]:
        """The frames of each. Windows of one length, as most are, are encoded at once. On a CPU
        that saves little, so others are left alone; on a GPU all are padded by a rule that knows
        the sound's own length alone: no text depends on who else spoke."""
        model, frames = self._model, dict[int, Floats]()
        lengths = [self._padded(len(sound)) for sound in sounds]
        most = _MOST_ON_GPU if model.on_gpu else _MOST_ENCODED
        for length in dict.fromkeys(lengths):
            alike = [number for number, each in enumerate(lengths) if each == length]
            for begin in range(0, len(alike), most):
                some = alike[begin : begin + most]
                encoded = model.encode([sounds[number] for number in some], length)
                frames.update(zip(some, encoded, strict=True))
        return [frames[number] for number in range(len(sounds))]

    def _padded(self, samples: int) -> int:
        if not self._model.on_gpu or samples >= self._plan.samples:
            return samples
        step = next(step for longest, step in _STEPS if samples <= longest * RATE) * RATE
        return min(self._plan.samples, int(math.ceil(samples / step) * step))


class _Listening:
    """One sound on its way through the windows; ``window`` is the one that is due."""

    window: Window

    def __init__(self, sound: Floats, plan: WindowPlan, state: StreamState) -> None:
        windows = Windows(plan)
        long_enough = len(sound) >= _LEAST_SAMPLES
        self._windows = _all_of(windows, sound) if long_enough else iter(())
        self.state = state
        self.emitted: list[Emitted] = []

    def advance(self) -> bool:
        """Go on to the next window; False behind the last."""
        for window in self._windows:
            self.window = window
            return True
        return False

    def chunk(self, frames: Floats) -> Floats:
        """Those of the window's frames that are to be decoded."""
        window = self.window
        end = None if window.take is None else window.skip + window.take
        return frames[window.skip : end]


def _all_of(windows: Windows, sound: Floats) -> Iterator[Window]:
    yield from windows.hear(sound)
    yield from windows.finish()


class LiveStream:
    """One utterance, decoded again from its beginning: over one or two seconds alone the features'
    normalisation would make silence loud. What that costs grows with the utterance, so it happens
    the more seldom the longer it is: all together no more than some times the last one."""

    def __init__(self, engine: ParakeetEngine, rate: int) -> None:
        self._engine, self._inlet = engine, Inlet(rate)
        self._pieces: list[Floats] = []
        self._samples = self._decoded = 0
        self.heard = Hypothesis()

    def hear(self, pcm: bytes) -> bool:
        """See ``JointStream``."""
        self._take(self._inlet.take(pcm))
        new = self._samples - self._decoded
        return new >= max(_AGAIN_S * RATE, _AGAIN_SHARE * self._samples)

    def end(self) -> bool:
        """See ``JointStream``."""
        self._take(self._inlet.rest())
        return self._samples > self._decoded

    def sound(self) -> Floats:
        """All of it, which is about to be decoded."""
        self._pieces = [np.concatenate(self._pieces)]
        self._decoded = self._samples
        return self._pieces[0]

    def accept(self, pcm: bytes) -> Hypothesis:
        if self.hear(pcm):
            self._engine.decode([self])
        return self.heard

    def finish(self) -> Hypothesis:
        if self.end():
            self._engine.decode([self])
        return self.heard

    def close(self) -> None:
        self._pieces.clear()

    def _take(self, sound: Floats) -> None:
        if len(sound):
            self._pieces.append(sound)
            self._samples += len(sound)

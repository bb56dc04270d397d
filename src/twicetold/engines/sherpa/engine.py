"""The engine: utterances that are decoded as they come in, each stretch of sound once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twicetold.engines import EngineInfo, Sound
from twicetold.engines.inlet import RATE, Floats, Inlet, check_rate
from twicetold.engines.sherpa.info import sherpa_info
from twicetold.engines.sherpa.model import Model
from twicetold.engines.sherpa.wording import words_of
from twicetold.speech.transcript import Hypothesis

_FRAME_S = 0.04  # of an encoder frame: a word is one long at least, where there is room
_LATE_S = 0.3  # so long behind its sound a token may be told


class SherpaEngine:
    """A JointEngine. ``model``: the directory of a model; ``threads`` of a step; ``together``:
    utterances that go through the model at once, as far as it takes several."""

    def __init__(self, model: str, *, threads: int = 1, together: int = 16) -> None:
        """Raises SettingError, MissingExtra, EngineFailed."""
        self._info = sherpa_info(Path(model))
        self._model = Model(Path(model), threads=threads, together=together)
        self.together = self._model.together

    @property
    def info(self) -> EngineInfo:
        return self._info

    def start(self, rate: int, language: str, adaptation: str | None) -> LiveStream:
        """Raises UnsupportedRate, BadParameter."""
        check_rate(self._info.name, rate)
        self._info.spoken(language)
        return LiveStream(self._model, rate)

    def decode(self, streams: Sequence[LiveStream]) -> None:
        """See ``JointEngine``."""
        self._model.decode([stream.state for stream in streams])
        for stream in streams:
            stream.update()

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        """The whole of it as one utterance."""
        stream = self.start(sound.rate, language, None)
        stream.hear(sound.pcm)
        return stream.finish()

    def transcribe_all(self, sounds: Sequence[tuple[Sound, str]]) -> list[Hypothesis]:
        """See ``JointEngine``."""
        return [self.transcribe(sound, language) for sound, language in sounds]


class LiveStream:
    """One utterance. The package's state holds what is not decoded yet, and the decoder's."""

    def __init__(self, model: Model, rate: int) -> None:
        self._model, self._inlet = model, Inlet(rate)
        self.state: Any = model.start()
        self._samples = 0
        self.heard = Hypothesis()

    def hear(self, pcm: bytes) -> bool:
        """See ``JointStream``."""
        self._take(self._inlet.take(pcm))
        return self._model.is_ready(self.state)

    def end(self) -> bool:
        """See ``JointStream``. Silence is put behind the sound, or its last words would stay in
        a window that is never full, or not be told in time."""
        self._take(self._inlet.rest())
        if not self._samples:
            return False
        tail = self._model.window_samples + round(_LATE_S * RATE)
        self.state.accept_waveform(RATE, np.zeros(tail, np.float32))
        self.state.input_finished()
        return True

    def update(self) -> None:
        """Have ``heard`` be what the state has come to."""
        tokens = self._model.tokens(self.state)
        self.heard = Hypothesis(tuple(words_of(tokens, _FRAME_S, self._samples / RATE)))

    def accept(self, pcm: bytes) -> Hypothesis:
        if self.hear(pcm):
            self._decode()
        return self.heard

    def finish(self) -> Hypothesis:
        if self.end():
            self._decode()
        return self.heard

    def close(self) -> None:
        self.state = None

    def _decode(self) -> None:
        self._model.decode([self.state])
        self.update()

    def _take(self, sound: Floats) -> None:
        if len(sound):
            self.state.accept_waveform(RATE, sound)
            self._samples += len(sound)

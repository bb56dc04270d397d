"""An engine that only transcribes recordings, made live."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twicetold.engines import EngineInfo, Sound
from twicetold.engines.hosted import HostedEngine
from twicetold.engines.inlet import RATE, Floats
from twicetold.engines.stream_adapter.recogniser import Heard
from twicetold.engines.stream_adapter.stream import AdaptedStream
from twicetold.engines.stream_adapter.window import WindowSettings
from twicetold.errors import UnsupportedRate
from twicetold.speech.transcript import Hypothesis

_RATES = (8_000, RATE)


class AdaptedEngine:
    """A HostedEngine whose live streams are windows for another one's ``transcribe``, which knows
    no prompt. An engine that takes one gives AdaptedStream a recogniser of its own."""

    def __init__(self, engine: HostedEngine, settings: WindowSettings | None = None) -> None:
        self._engine, self._settings = engine, settings

    @property
    def info(self) -> EngineInfo:
        return replace(self._engine.info, live=True)

    def start(self, rate: int, language: str, adaptation: str | None) -> AdaptedStream:
        """Raises UnsupportedRate."""
        if rate not in _RATES:
            raise UnsupportedRate(f"A live window takes 8000 or 16000 Hz but got {rate} Hz.")
        return AdaptedStream(self._recognise, rate, language, self._settings)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        return self._engine.transcribe(sound, language)

    def _recognise(self, sound: Floats, prompt: str, language: str) -> Heard:
        pcm = np.clip(np.rint(sound * 32_768), -32_768, 32_767).astype("<i2").tobytes()
        return Heard(self._engine.transcribe(Sound(pcm, RATE), language).words)

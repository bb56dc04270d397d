"""The engine: recordings at once, utterances decoded again as they grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from twicetold.engines import EngineInfo, Sound
from twicetold.engines.inlet import RATE, Floats, Inlet
from twicetold.engines.whisper.guards import Thresholds
from twicetold.engines.whisper.info import own_name, whisper_info
from twicetold.engines.whisper.language import SpokenLanguage
from twicetold.engines.whisper.listening import Heard, Hints, Listener
from twicetold.engines.whisper.model import Device, Model
from twicetold.errors import UnsupportedRate
from twicetold.speech.transcript import Hypothesis

_RATES = (8_000, RATE)
_LEAST_SAMPLES = RATE // 10  # less is no word
_AGAIN_S, _AGAIN_SHARE = 1.0, 0.15  # of new sound, before an utterance is decoded again


@dataclass(frozen=True, slots=True)
class _Told:
    """What is heard in a stretch of sound, and the language that its channel speaks by now."""

    heard: Heard
    language: SpokenLanguage


class WhisperEngine:
    """A HostedEngine. ``model``: the directory of a model in CTranslate2's layout.

    ``languages``: those that ``auto`` may find (none: all that the model knows); the first one is
    meant where too little is said to tell. ``device``, ``compute``, ``threads``: see ``Device``.
    ``prompt``, ``hotwords``, ``beam``: see ``Hints``; ``thresholds``: of ``guards.Thresholds``.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str = "auto",
        compute: str = "",
        threads: int = 0,
        beam: int = 5,
        prompt: str = "",
        hotwords: str = "",
        languages: Sequence[str] = (),
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        """Raises SettingError, MissingExtra, EngineFailed."""
        self._info = whisper_info(Path(model))
        self._among = tuple(own_name(self._info.spoken(each)) for each in languages)
        self._model = Model(Path(model), Device(device, compute, threads))
        self._hints = Hints(prompt, hotwords, beam, Thresholds(**(thresholds or {})))

    @property
    def info(self) -> EngineInfo:
        return self._info

    def start(self, rate: int, language: str, adaptation: str | None) -> _LiveStream:
        """Raises UnsupportedRate, BadParameter."""
        _check(rate)
        return _LiveStream(self, rate, self._info.spoken(language), adaptation)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        """Raises UnsupportedRate, BadParameter."""
        _check(sound.rate)
        inlet = Inlet(sound.rate)
        whole = np.concatenate([inlet.take(sound.pcm), inlet.rest()])
        language = self._info.spoken(language)
        return _hypothesis(self.hear(whole, language, SpokenLanguage()), language)

    def hear(self, sound: Floats, language: str, before: SpokenLanguage, prompt: str = "") -> _Told:
        """The words in sound at 16 kHz, of any length. ``before``: what the channel spoke so far;
        ``prompt``: the text before the sound, behind the engine's own."""
        if len(sound) < _LEAST_SAMPLES:
            return _Told(Heard(), before)
        listener = Listener(self._model, sound)
        spoken = own_name(language)
        if language == "auto":
            if not before.locked:
                before = before.after(listener.languages(), len(sound) / RATE, self._among)
            spoken = before.choice(self._among[0] if self._among else "en")
        hints = self._hints
        if prompt:
            hints = replace(hints, prompt=f"{hints.prompt} {prompt}")
        return _Told(listener.listen(spoken, hints), before)


class _LiveStream:
    """One utterance, decoded again from its beginning. A window costs the same however little is
    in it, so that happens once a second at most, and the more seldom the longer it is.

    What is added up about the language, and what the guards did, comes of the whole utterance
    alone: how often it was decoded on the way depends on the pieces it came in.
    """

    def __init__(
        self, engine: WhisperEngine, rate: int, language: str, adaptation: str | None
    ) -> None:
        self._engine, self._inlet, self._language = engine, Inlet(rate), language
        self._spoken = SpokenLanguage.from_adaptation(adaptation)
        self._pieces: list[Floats] = []
        self._samples = self._decoded = 0
        self._last = _Told(Heard(), self._spoken)

    def accept(self, pcm: bytes) -> Hypothesis:
        self._take(self._inlet.take(pcm))
        new = self._samples - self._decoded
        if new >= max(_AGAIN_S * RATE, _AGAIN_SHARE * self._samples):
            self._decode()
        return Hypothesis(self._last.heard.words)

    def finish(self) -> Hypothesis:
        self._take(self._inlet.rest())
        if self._samples > self._decoded:
            self._decode()
        return _hypothesis(self._last, self._language)

    def close(self) -> None:
        self._pieces.clear()

    def _take(self, sound: Floats) -> None:
        if len(sound):
            self._pieces.append(sound)
            self._samples += len(sound)

    def _decode(self) -> None:
        self._pieces = [np.concatenate(self._pieces)]
        self._last = self._engine.hear(self._pieces[0], self._language, self._spoken)
        self._decoded = self._samples


def _hypothesis(told: _Told, language: str) -> Hypothesis:
    """The last word on a stretch; what its channel speaks matters where it is to be found out."""
    adaptation = told.language.to_adaptation() if language == "auto" else None
    return Hypothesis(told.heard.words, adaptation, guarded=told.heard.guarded)


def _check(rate: int) -> None:
    if rate not in _RATES:
        raise UnsupportedRate(f"Engine whisper takes 8000 or 16000 Hz but got {rate} Hz.")

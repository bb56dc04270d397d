"""The engine: recordings at once, utterances through a window that is heard again as it grows."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected, Sound
from twicetold.engines.inlet import RATE, Floats, Inlet
from twicetold.engines.stream_adapter import recogniser
from twicetold.engines.stream_adapter.stream import AdaptedStream
from twicetold.engines.stream_adapter.window import WindowSettings
from twicetold.engines.whisper.guards import Thresholds
from twicetold.engines.whisper.info import own_name, whisper_info
from twicetold.engines.whisper.language import SpokenLanguage
from twicetold.engines.whisper.listening import Heard, Hints, Listener
from twicetold.engines.whisper.model import Device, Model
from twicetold.errors import UnsupportedRate
from twicetold.speech.transcript import Hypothesis

_RATES = (8_000, RATE)
_LEAST_SAMPLES = RATE // 10  # less is no word
_SHORTEST_TICK_S, _LONGEST_TICK_S = 1.0, 5.0
_SHARE = 0.5  # of real time that the windows of one utterance may take


@dataclass(frozen=True, slots=True)
class _Told:
    """What is heard in a stretch of sound, in which language (Whisper's name), and what its channel
    speaks by now."""

    heard: Heard
    language: SpokenLanguage
    spoken: str = ""


class WhisperEngine:
    """An ExpectingEngine. ``model``: the directory of a model in CTranslate2's layout.

    ``languages``: those that ``auto`` may find (none: all that the model knows); the first one is
    meant where too little is said to tell. ``device``, ``compute``, ``threads``: see ``Device``.
    ``tick_s``: new sound before an utterance is heard again; 0: what this machine can afford.
    ``prompt``, ``hotwords`` (parted by ``|`` or commas), ``beam``: see ``Hints``; ``thresholds``:
    of ``guards.Thresholds``. What a tenant expects goes before both.
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
        tick_s: float = 0.0,
    ) -> None:
        """Raises SettingError, MissingExtra, EngineFailed."""
        self._info = whisper_info(Path(model))
        self._among = tuple(own_name(self._info.spoken(each)) for each in languages)
        self._model = Model(Path(model), Device(device, compute, threads))
        own = tuple(term for each in re.split(r"[|,]", hotwords) if (term := each.strip()))
        self._hints = Hints(prompt, own, beam, Thresholds(**(thresholds or {})))
        self.tick_s = tick_s or self._affordable_tick_s()

    @property
    def info(self) -> EngineInfo:
        return self._info

    def _affordable_tick_s(self) -> float:
        """A window costs about the same however little is in it."""
        draw = np.random.default_rng(0)
        sound = draw.normal(0.0, 0.05, 2 * RATE).astype(np.float32)
        language = "en" if self._info.languages == ("*",) else self._info.languages[0]
        costs = []
        for _ in range(2):  # the first one makes room for itself
            began = time.perf_counter()
            self.hear(sound, language, SpokenLanguage())
            costs.append(time.perf_counter() - began)
        return min(_LONGEST_TICK_S, max(_SHORTEST_TICK_S, min(costs) / _SHARE))

    def start(self, rate: int, language: str, adaptation: str | None) -> _LiveStream:
        """Raises UnsupportedRate, BadParameter."""
        return self.start_expecting(rate, language, adaptation, NOTHING_EXPECTED)

    def start_expecting(
        self, rate: int, language: str, adaptation: str | None, expected: Expected
    ) -> _LiveStream:
        """Raises UnsupportedRate, BadParameter."""
        _check(rate)
        return _LiveStream(self, rate, self._info.spoken(language), adaptation, expected)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        """Raises UnsupportedRate, BadParameter."""
        _check(sound.rate)
        inlet = Inlet(sound.rate)
        whole = np.concatenate([inlet.take(sound.pcm), inlet.rest()])
        language = self._info.spoken(language)
        before = SpokenLanguage.from_adaptation(sound.adaptation)
        told = self.hear(whole, language, before, expected=sound.expected)
        return _hypothesis(told, language)

    def hear(
        self,
        sound: Floats,
        language: str,
        before: SpokenLanguage,
        prompt: str = "",
        expected: Expected = NOTHING_EXPECTED,
    ) -> _Told:
        """The words in sound at 16 kHz, of any length. ``before``: what the channel spoke so far;
        ``prompt``: the text before the sound, behind the engine's own."""
        if len(sound) < _LEAST_SAMPLES:
            return _Told(Heard(), before)
        listener = Listener(self._model, sound)
        spoken = own_name(language)
        if language == "auto":
            among = self._possible(expected)
            if not before.locked:
                before = before.after(listener.languages(), len(sound) / RATE, among)
            spoken = before.choice(among[0] if among else "en")
        hints = self._hints
        if prompt or expected.terms:
            prompt = f"{hints.prompt} {prompt}"
            hints = replace(hints, prompt=prompt, hotwords=(*expected.terms, *hints.hotwords))
        return _Told(listener.listen(spoken, hints), before, spoken)

    def _possible(self, expected: Expected) -> tuple[str, ...]:
        """What ``auto`` may be: the tenant's list, as far as the model knows them, else our own."""
        theirs = tuple(
            own_name(each) for each in expected.languages if own_name(each) in self._info.languages
        )
        return theirs or self._among


class _LiveStream:
    """One utterance through a window that is heard again as it grows. What is added up about its
    language, and what the guards did, comes of the last window; once a language is locked, the
    windows behind it are heard in that one."""

    def __init__(
        self,
        engine: WhisperEngine,
        rate: int,
        language: str,
        adaptation: str | None,
        expected: Expected,
    ) -> None:
        self._engine, self._language, self._expected = engine, language, expected
        self._spoken = SpokenLanguage.from_adaptation(adaptation)
        self._last = _Told(Heard(), self._spoken)
        settings = WindowSettings(tick_s=engine.tick_s)
        self._stream = AdaptedStream(self._recognise, rate, language, settings)

    def accept(self, pcm: bytes) -> Hypothesis:
        return self._stream.accept(pcm)

    def finish(self) -> Hypothesis:
        heard = self._stream.finish()
        last = _hypothesis(self._last, self._language)
        return replace(
            heard, adaptation=last.adaptation, guarded=last.guarded, language=last.language
        )

    def close(self) -> None:
        self._stream.close()

    def _recognise(self, sound: Floats, prompt: str, language: str) -> recogniser.Heard:
        told = self._last = self._engine.hear(sound, language, self._spoken, prompt, self._expected)
        if told.language.locked:
            self._spoken = told.language
        return recogniser.Heard(told.heard.words, told.heard.segment_ends)


def _hypothesis(told: _Told, language: str) -> Hypothesis:
    """The last word on a stretch; what its channel speaks matters where it is to be found out."""
    words, guarded = told.heard.words, told.heard.guarded
    if language != "auto":
        return Hypothesis(words, guarded=guarded)
    return Hypothesis(words, told.language.to_adaptation(), guarded, language=told.spoken)


def _check(rate: int) -> None:
    if rate not in _RATES:
        raise UnsupportedRate(f"Engine whisper takes 8000 or 16000 Hz but got {rate} Hz.")

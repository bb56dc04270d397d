"""The engine: recordings at once, utterances through a window that is heard again as it grows."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected, Sound
from twicetold.engines.inlet import RATE, Floats, check_rate, resampled
from twicetold.engines.stream_adapter import recogniser
from twicetold.engines.stream_adapter.stream import WindowedUtterance
from twicetold.engines.stream_adapter.window import WindowSettings
from twicetold.engines.whisper.guards import Thresholds
from twicetold.engines.whisper.info import own_name, whisper_info
from twicetold.engines.whisper.language import SpokenLanguage
from twicetold.engines.whisper.listening import Heard, Hints, Listener
from twicetold.engines.whisper.model import Device, Model
from twicetold.engines.whisper.steps import Steps, go_together
from twicetold.errors import SettingError
from twicetold.speech.transcript import Hypothesis

T = TypeVar("T")

_LEAST_SAMPLES = RATE // 10  # less is no word
_SHORTEST_TICK_S, _LONGEST_TICK_S = 1.0, 5.0
_TICK_HINT = "0, or leaving it out, takes what this machine can afford."
_SHARE = 0.5  # of real time that the windows of one utterance may take
_TOGETHER_ON_GPU = 16


@dataclass(frozen=True, slots=True)
class _Told:
    """What is heard in a stretch of sound, in which language (Whisper's name), and what its channel
    speaks by now."""

    heard: Heard
    language: SpokenLanguage
    spoken: str = ""


class WhisperEngine:
    """A JointEngine and an ExpectingEngine. ``model``: the directory of a model in CTranslate2's
    layout.

    ``languages``: those that ``auto`` may find (none: all that the model knows); the first one is
    meant where too little is said to tell. ``device``, ``compute``, ``threads``: see ``Device``.
    ``tick_s``: new sound before an utterance is heard again; 0: what this machine can afford.
    ``prompt``, ``hotwords`` (parted by ``|`` or commas), ``beam``: see ``Hints``; ``thresholds``:
    of ``guards.Thresholds``. What a tenant expects goes before both.
    ``together``: windows that go through the model at once; 0: 16 on a GPU, and 1 on a CPU, where
    more bring little.
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
        together: int = 0,
    ) -> None:
        """Raises SettingError, MissingExtra, EngineFailed."""
        self._info = whisper_info(Path(model))
        self._among = tuple(own_name(self._info.spoken(each)) for each in languages)
        self._model = Model(Path(model), Device(device, compute, threads))
        own = tuple(term for each in re.split(r"[|,]", hotwords) if (term := each.strip()))
        self._hints = Hints(prompt, own, beam, Thresholds(**(thresholds or {})))
        self.together = together or (_TOGETHER_ON_GPU if self._model.on_gpu else 1)
        try:
            WindowSettings(tick_s=tick_s or _SHORTEST_TICK_S)
        except ValueError as error:  # else every utterance would fail
            raise SettingError(f"Engine whisper: option tick_s: {error}.", _TICK_HINT) from error
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
            self._hear_all([self.hear(sound, language, SpokenLanguage())])
            costs.append(time.perf_counter() - began)
        return min(_LONGEST_TICK_S, max(_SHORTEST_TICK_S, min(costs) / _SHARE))

    def start(self, rate: int, language: str, adaptation: str | None) -> _LiveStream:
        """Raises UnsupportedRate, BadParameter."""
        return self.start_expecting(rate, language, adaptation, NOTHING_EXPECTED)

    def start_expecting(
        self, rate: int, language: str, adaptation: str | None, expected: Expected
    ) -> _LiveStream:
        """Raises UnsupportedRate, BadParameter."""
        check_rate(self._info.name, rate)
        return _LiveStream(self, rate, self._info.spoken(language), adaptation, expected)

    def decode(self, streams: Sequence[_LiveStream]) -> None:
        """See ``JointEngine``. Raises the error of a stream that failed, when the others are done:
        asked again, these have nothing left to do, and that one fails again."""
        outcomes = self._outcomes([stream.catching_up() for stream in streams])
        for stream, outcome in zip(streams, outcomes, strict=True):
            stream.failure = outcome if isinstance(outcome, Exception) else None
        _raise_first(outcomes)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        """Raises UnsupportedRate, BadParameter."""
        return self.transcribe_all([(sound, language)])[0]

    def transcribe_all(self, sounds: Sequence[tuple[Sound, str]]) -> list[Hypothesis]:
        """See ``JointEngine``. Raises UnsupportedRate, BadParameter."""
        languages = [self._info.spoken(language) for _, language in sounds]
        for sound, _ in sounds:
            check_rate(self._info.name, sound.rate)
        asked = [(sound, resampled(sound)) for sound, _ in sounds]
        told = self._hear_all(
            [
                self.hear(
                    whole,
                    language,
                    SpokenLanguage.from_adaptation(sound.adaptation),
                    expected=sound.expected,
                )
                for (sound, whole), language in zip(asked, languages, strict=True)
            ]
        )
        return [_hypothesis(*each) for each in zip(told, languages, strict=True)]

    def _hear_all(self, many: Sequence[Steps[_Told]]) -> list[_Told]:
        outcomes = self._outcomes(many)
        _raise_first(outcomes)
        return [told for told in outcomes if not isinstance(told, Exception)]

    def _outcomes(self, many: Sequence[Steps[T]]) -> list[T | Exception]:
        return go_together(many, self._model.take, self.together)

    def hear(
        self,
        sound: Floats,
        language: str,
        before: SpokenLanguage,
        prompt: str = "",
        expected: Expected = NOTHING_EXPECTED,
    ) -> Steps[_Told]:
        """The words in sound at 16 kHz, of any length. ``before``: what the channel spoke so far;
        ``prompt``: the text before the sound, behind the engine's own."""
        if len(sound) < _LEAST_SAMPLES:
            return _Told(Heard(), before)
        listener = Listener(self._model, sound)
        spoken = own_name(language)
        if language == "auto":
            among = self._possible(expected)
            if not before.locked:
                languages = yield from listener.languages()
                before = before.after(languages, len(sound) / RATE, among)
            spoken = before.choice(among[0] if among else "en")
        hints = self._hints
        if prompt or expected.terms:
            prompt = f"{hints.prompt} {prompt}"
            hints = replace(hints, prompt=prompt, hotwords=(*expected.terms, *hints.hotwords))
        heard = yield from listener.listen(spoken, hints)
        return _Told(heard, before, spoken)

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
        self._utterance = WindowedUtterance(rate, settings)
        self._over = False
        self.failure: Exception | None = None  # of a window: the utterance cannot go on

    @property
    def heard(self) -> Hypothesis:
        """See ``JointStream``."""
        heard = self._utterance.heard
        if not self._over:
            return heard
        last = _hypothesis(self._last, self._language)
        return replace(
            heard, adaptation=last.adaptation, guarded=last.guarded, language=last.language
        )

    def hear(self, pcm: bytes) -> bool:
        """See ``JointStream``."""
        return self._utterance.hear(pcm)

    def end(self) -> bool:
        """See ``JointStream``."""
        self._over = True
        return self._utterance.end()

    def catching_up(self) -> Steps[None]:
        """Hear all windows that are due."""
        if self.failure is not None:
            raise self.failure
        while (asked := self._utterance.asked) is not None:
            told = yield from self._engine.hear(
                asked.sound, self._language, self._spoken, asked.prompt, self._expected
            )
            self._last = told
            if told.language.locked:
                self._spoken = told.language
            self._utterance.take(recogniser.Heard(told.heard.words, told.heard.segment_ends))

    def accept(self, pcm: bytes) -> Hypothesis:
        if self.hear(pcm):
            self._engine.decode([self])
        return self.heard

    def finish(self) -> Hypothesis:
        if self.end():
            self._engine.decode([self])
        return self.heard

    def close(self) -> None:
        """Nothing is held that another stream could use."""


def _hypothesis(told: _Told, language: str) -> Hypothesis:
    """The last word on a stretch; what its channel speaks matters where it is to be found out."""
    words, guarded = told.heard.words, told.heard.guarded
    if language != "auto":
        return Hypothesis(words, guarded=guarded)
    return Hypothesis(words, told.language.to_adaptation(), guarded, language=told.spoken)


def _raise_first(outcomes: Sequence[object]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome

"""Engine ``null``: listens to nothing, answers at once. For measuring everything but an engine."""

from __future__ import annotations

from twicetold.engines import EngineInfo, Hears, Sound
from twicetold.speech.transcript import Hypothesis, Word

NULL_INFO = EngineInfo(
    name="null",
    model="null",
    languages=("*",),
    live=True,
    batch=True,
    word_times=True,
    hears=Hears.TONES,
    good_for="Measuring the transport: it answers every message with one word, and hears nothing.",
)


class NullEngine:
    """Answers each ``accept`` with one word that says how many there were, so that a partial,
    never the same as the one before, travels back for every message. Batch finds no words."""

    @property
    def info(self) -> EngineInfo:
        return NULL_INFO

    def start(self, rate: int, language: str, adaptation: str | None) -> _NullStream:
        return _NullStream(rate, adaptation)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        return Hypothesis()


class _NullStream:
    def __init__(self, rate: int, adaptation: str | None) -> None:
        self._rate = rate
        self._adaptation = adaptation
        self._bytes = 0
        self._accepts = 0

    def accept(self, pcm: bytes) -> Hypothesis:
        self._bytes += len(pcm)
        self._accepts += 1
        return self._hypothesis()

    def finish(self) -> Hypothesis:
        return self._hypothesis() if self._bytes else Hypothesis((), self._adaptation)

    def close(self) -> None:
        """Nothing is held."""

    def _hypothesis(self) -> Hypothesis:
        word = Word(0.0, self._bytes / 2 / self._rate, str(self._accepts))
        return Hypothesis((word,), self._adaptation)

"""One utterance, heard through a window: a HostedStream around a recogniser."""

from __future__ import annotations

from twicetold.engines.inlet import Inlet
from twicetold.engines.stream_adapter.recogniser import Recogniser
from twicetold.engines.stream_adapter.window import Asked, LiveWindow, WindowSettings
from twicetold.speech.transcript import Hypothesis, Word


class AdaptedStream:
    """A HostedStream. What it says grows with its words: an utterance's length bounds them; who
    has a stream of hours drives a LiveWindow, which gives each settled word once."""

    def __init__(
        self,
        recognise: Recogniser,
        rate: int,
        language: str,
        settings: WindowSettings | None = None,
    ) -> None:
        """``rate``: 8,000 or 16,000 Hz."""
        self._recognise, self._language = recognise, language
        self._inlet = Inlet(rate)
        self._window = LiveWindow(settings)
        self._settled: list[Word] = []
        self._last = Hypothesis()

    def accept(self, pcm: bytes) -> Hypothesis:
        self._window.hear(self._inlet.take(pcm))
        self._catch_up()
        return self._last

    def finish(self) -> Hypothesis:
        self._window.hear(self._inlet.rest())
        self._catch_up()
        if (asked := self._window.rest()) is not None:
            self._answer(asked)
        self._settled += self._window.flush()
        self._say()
        return self._last

    def close(self) -> None:
        """Nothing is held that another stream could use."""

    def _catch_up(self) -> None:
        while (asked := self._window.due()) is not None:
            self._answer(asked)

    def _answer(self, asked: Asked) -> None:
        heard = self._recognise(asked.sound, asked.prompt, self._language)
        self._settled += self._window.take(heard)
        self._say()

    def _say(self) -> None:
        words = (*self._settled, *self._window.tail)
        self._last = Hypothesis(words, settled=len(self._settled))

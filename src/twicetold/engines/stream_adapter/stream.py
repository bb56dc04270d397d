"""One utterance, heard through a window: sans-I/O, and as a HostedStream around a recogniser."""

from __future__ import annotations

from twicetold.engines.inlet import Inlet
from twicetold.engines.stream_adapter.recogniser import Heard, Recogniser
from twicetold.engines.stream_adapter.window import Asked, LiveWindow, WindowSettings
from twicetold.speech.transcript import Hypothesis, Word


class WindowedUtterance:
    """Sound in, hypotheses out. While ``asked`` has a window, have it recognised and ``take`` the
    answer. What it says grows with its words: an utterance's length bounds them; who has a stream
    of hours drives a LiveWindow, which gives each settled word once."""

    def __init__(self, rate: int, settings: WindowSettings | None = None) -> None:
        """``rate``: 8,000 or 16,000 Hz."""
        self._inlet = Inlet(rate)
        self._window = LiveWindow(settings)
        self._settled: list[Word] = []
        self._over = False
        self.asked: Asked | None = None
        self.heard = Hypothesis()

    def hear(self, pcm: bytes) -> bool:
        """More sound; True where a window is to be recognised now."""
        self._window.hear(self._inlet.take(pcm))
        return self._ask()

    def end(self) -> bool:
        """No more sound comes; True as with ``hear``."""
        self._window.hear(self._inlet.rest())
        self._over = True
        return self._ask()

    def take(self, heard: Heard) -> None:
        """The answer to the window that was asked for; ``asked`` has the next one then."""
        self._settled += self._window.take(heard)
        self.asked = None
        self._say()
        self._ask()

    def _ask(self) -> bool:
        if self.asked is None:
            self.asked = self._window.due()
        if self.asked is None and self._over:
            self.asked = self._window.rest()
            if self.asked is None:
                self._settled += self._window.flush()
                self._say()
        return self.asked is not None

    def _say(self) -> None:
        words = (*self._settled, *self._window.tail)
        self.heard = Hypothesis(words, settled=len(self._settled))


class AdaptedStream:
    """A HostedStream: a WindowedUtterance whose windows one recogniser hears, each at once."""

    def __init__(
        self,
        recognise: Recogniser,
        rate: int,
        language: str,
        settings: WindowSettings | None = None,
    ) -> None:
        """``rate``: 8,000 or 16,000 Hz."""
        self._recognise, self._language = recognise, language
        self._utterance = WindowedUtterance(rate, settings)

    def accept(self, pcm: bytes) -> Hypothesis:
        self._utterance.hear(pcm)
        return self._caught_up()

    def finish(self) -> Hypothesis:
        self._utterance.end()
        return self._caught_up()

    def close(self) -> None:
        """Nothing is held that another stream could use."""

    def _caught_up(self) -> Hypothesis:
        while (asked := self._utterance.asked) is not None:
            self._utterance.take(self._recognise(asked.sound, asked.prompt, self._language))
        return self._utterance.heard

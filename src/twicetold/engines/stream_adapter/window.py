"""The window of sound that is recognised again and again as it grows. Sans-I/O.

Use: ``hear`` sound; while ``due`` gives a window, have it recognised and ``take`` the answer,
which gives the words that have settled; at the end the same with ``rest``, then ``flush``.
Windows come at fixed amounts of sound, however it arrives, so the same sound gives the same words.

A window has ``longest_s`` at most, and what is kept is the window, its words and a prompt: a tick
costs the same after hours as after a minute, in time and in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twicetold.engines.inlet import RATE, Floats
from twicetold.engines.stream_adapter.agreement import Agreement
from twicetold.engines.stream_adapter.recogniser import Heard
from twicetold.engines.stream_adapter.trimming import anywhere, at_end, beside_words
from twicetold.engines.stream_adapter.wording import loops, prompt_after
from twicetold.speech.transcript import Word

_LEAST_SAMPLES = RATE // 10  # less is no word
_QUIET_S = 5.0  # without an unsettled word: nobody speaks
_LEAD_S = 1.0  # before an unsettled word behind a pause
_MOST_WORDS_A_S = 25  # and a second's more: nobody speaks as fast, so the model has gone astray
_LEAST_TICKS = 4  # in the longest window: two hypotheses must meet in what is not cut away
_MOST_LEFT = 0.75  # of the longest window, when it must be cut
_MOST_OPEN = 0.5  # of it, where nothing has settled that it could be cut in


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """``tick_s``: new sound before a window is recognised again. Longer than ``trim_s`` it is cut
    at a sentence's end; longer than ``longest_s`` it never grows. ``prompt_characters``: how much
    of the text before the window the recogniser is told."""

    tick_s: float = 1.0
    trim_s: float = 15.0
    longest_s: float = 28.0
    prompt_characters: int = 200

    def __post_init__(self) -> None:
        """Raises ValueError for settings that leave no room to agree."""
        if not 1 / RATE <= self.tick_s <= self.longest_s / _LEAST_TICKS:
            raise ValueError(
                f"expected a tick of {self.longest_s / _LEAST_TICKS:g} s at most, got {self.tick_s}"
            )
        if not 0 < self.trim_s <= self.longest_s - self.tick_s:
            raise ValueError(
                f"expected trim_s up to {self.longest_s - self.tick_s:g}, got {self.trim_s}"
            )


@dataclass(frozen=True, slots=True)
class Asked:
    """A window to be recognised, and the text before it."""

    sound: Floats
    prompt: str


class LiveWindow:
    """One stream. Word times count from its first sample."""

    def __init__(self, settings: WindowSettings | None = None) -> None:
        self._settings = settings or WindowSettings()
        self._tick = round(self._settings.tick_s * RATE)
        self._pieces: list[Floats] = []
        self._begin = self._end = self._heard = 0  # samples: of the last window, of all sound
        self._asked = False
        self._agreement = Agreement()
        self._prompt = ""
        self.unagreed = 0  # words that settled because the window was full, without agreement
        self._unsettled_at = self._unsettled_from = 0.0  # when there was a tail, where it began

    @property
    def tail(self) -> list[Word]:
        """What is heard behind the settled words; may change."""
        return self._agreement.shown_tail()

    def hear(self, sound: Floats) -> None:
        """More sound at 16,000 Hz, in pieces of any length."""
        if len(sound):
            self._pieces.append(sound)
            self._heard += len(sound)

    def due(self) -> Asked | None:
        """The next window, once there is enough new sound for one."""
        if self._heard < self._end + self._tick:
            return None
        return self._ask(self._end + self._tick)

    def rest(self) -> Asked | None:
        """The last window, when no more sound comes; None where there is nothing new in it."""
        return self._ask(self._heard) if self._heard - self._end >= _LEAST_SAMPLES else None

    def take(self, heard: Heard) -> list[Word]:
        """The words that have settled with the answer to the last window."""
        if not self._asked:
            raise RuntimeError("expected an answer to a window but got one to none")
        self._asked = False
        begin_s, end_s = self._begin / RATE, self._end / RATE
        if len(heard.words) > _MOST_WORDS_A_S * (end_s - begin_s + 1):
            words = []
        else:
            words = self._agreement.hear(_placed(heard.words, begin_s, end_s))
        return words + self._trim([begin_s + end for end in heard.segment_ends])

    def flush(self) -> list[Word]:
        """What is left settles as it was last heard; nothing may follow."""
        self._pieces.clear()
        return self._agreement.settle_all()

    def _ask(self, end: int) -> Asked:
        if self._asked:
            raise RuntimeError("expected an answer to the last window but got a call for the next")
        self._asked, self._end = True, end
        self._pieces = [np.concatenate(self._pieces)]
        prompt = "" if loops(self._prompt) else self._prompt
        return Asked(self._pieces[0][: end - self._begin], prompt)

    def _trim(self, segment_ends: list[float]) -> list[Word]:
        """Cut the window if it has grown long; the words that this settles."""
        end_s, length_s = self._end / RATE, (self._end - self._begin) / RATE
        quiet_until = self._quiet_until(end_s)
        if length_s <= self._settings.trim_s:
            return []
        longest_s = self._settings.longest_s
        latest_begin = end_s - longest_s * _MOST_LEFT
        cut = self._good_place(segment_ends, quiet_until)
        words: list[Word] = []
        if length_s > longest_s - self._settings.tick_s and (cut is None or cut < latest_begin):
            cut = anywhere(self._settled(), latest_begin)
            if cut is None:
                words = self._agreement.settle_before(end_s - longest_s * _MOST_OPEN)
                self.unagreed += len(words)
                settled = self._settled()
                cut = anywhere(settled, latest_begin) or beside_words(settled, latest_begin)
        if cut is not None:
            self._cut(cut)
        return words

    def _good_place(self, segment_ends: list[float], quiet_until: float) -> float | None:
        settled = self._settled()
        quiet_from = settled[-1].end if settled else self._begin / RATE
        if quiet_until - quiet_from > _LEAD_S:
            return quiet_until
        return at_end(settled, segment_ends)

    def _quiet_until(self, end_s: float) -> float:
        """Between the last settled word and this second nobody speaks. A recogniser may miss
        words once: two hypotheses in a row have none, or all of some seconds."""
        tail, before = self._agreement.tail, self._unsettled_from
        if tail:
            self._unsettled_at, self._unsettled_from = end_s, tail[0].start
            return min(before, tail[0].start) - _LEAD_S
        return end_s - _QUIET_S if end_s - self._unsettled_at >= _QUIET_S else 0.0

    def _settled(self) -> list[Word]:
        return [anchor.heard for anchor in self._agreement.anchors]

    def _cut(self, second: float) -> None:
        begin = min(self._end, round(second * RATE))
        if begin <= self._begin:
            return
        for text in self._agreement.forget_before(second):
            self._prompt = prompt_after(self._prompt, text, self._settings.prompt_characters)
        self._pieces = [np.concatenate(self._pieces)[begin - self._begin :].copy()]
        self._begin = begin


def _placed(words: Sequence[Word], begin_s: float, end_s: float) -> list[Word]:
    """The words inside the window, in order, with times from the first sample of all."""
    placed: list[Word] = []
    least = begin_s
    for word in words:
        start = max(least, begin_s + word.start)
        if start >= end_s or not word.text.strip():
            continue
        end = min(end_s, max(start, begin_s + word.end))
        placed.append(replace(word, start=start, end=end, text=word.text.strip()))
        least = start
    return placed

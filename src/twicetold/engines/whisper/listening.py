"""Sound of any length through a model: window after window, each behind what the last one heard.

A window has 30 s, for which the model was made. Where its last segment ends within the window, the
next one begins there, as in Whisper's own loop; text is not carried over, or a loop would be. Two
rules keep the model from inventing words there: a rest too short for a word is not decoded, and
where a window has no words it is not begun anew a moment later. What is asked of the model is
yielded, step by step (``steps``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twicetold.engines.whisper.guards import Guard, Thresholds, settle, without_loops
from twicetold.engines.whisper.model import FRAMES_A_S, WINDOW_FRAMES, Model
from twicetold.engines.whisper.steps import AddWords, Decode, Encode, Languages, Steps, asked
from twicetold.speech.transcript import Word

Floats = NDArray[np.float32]

_LEAST_FRAMES = FRAMES_A_S // 2  # of a rest that is decoded, and of a step to the next window


@dataclass(frozen=True, slots=True)
class Hints:
    """``prompt``: text that comes before the sound; ``hotwords``: names and terms that may come in
    it, told for each window; ``beam``: how many readings are kept in sight."""

    prompt: str = ""
    hotwords: tuple[str, ...] = ()
    beam: int = 5
    limits: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class Heard:
    """``segment_ends``: seconds from the sound's begin. ``guarded``: what the guards did."""

    words: tuple[Word, ...] = ()
    segment_ends: tuple[float, ...] = ()
    guarded: tuple[str, ...] = ()


class Listener:
    """One stretch of sound (16 kHz, -1 to 1). Its first window may be asked for its language."""

    def __init__(self, model: Model, sound: Floats) -> None:
        self._model = model
        self._features = model.features(sound)
        self._seconds = len(sound) / 16_000
        self._frames = self._features.shape[1]
        self._first: Any = None

    def languages(self) -> Steps[dict[str, float]]:
        window = yield from self._window(0)
        told: dict[str, float] = yield Languages(window.encoded)
        return told

    def listen(self, language: str, hints: Hints) -> Steps[Heard]:
        """All words in the language of that name."""
        model, at, words, guarded = self._model, 0, list[Word](), list[str]()
        ends: list[float] = []
        while at == 0 or self._frames - at >= _LEAST_FRAMES:
            prompt = model.prompt(language, hints.hotwords, "" if at else hints.prompt)
            window = yield from self._window(at)
            segments, at, acted = yield from self._hear(window, prompt, language, hints, words)
            guarded += acted
            words += _words(segments)
            ends += [float(segment["end"]) for segment in segments]
        said, loops = without_loops(words)
        guarded += [Guard.LOOP] * loops
        return Heard(in_order(said, self._seconds), tuple(ends), tuple(guarded))

    def _window(self, at: int) -> Steps[_Window]:
        frames = min(WINDOW_FRAMES, self._frames - at)
        if at == 0 and self._first is not None:
            return _Window(0, frames, self._first)
        encoded = yield Encode(self._features[:, at : at + frames])
        if at == 0:
            self._first = encoded
        return _Window(at, frames, encoded)

    def _hear(
        self,
        window: _Window,
        prompt: list[int],
        language: str,
        hints: Hints,
        before: Sequence[Word],
    ) -> Steps[tuple[list[dict[str, Any]], int, list[Guard]]]:
        """The window's segments that have words, and the frame that the next one begins with."""
        encoded = window.encoded
        decoding, acted = yield from settle(
            lambda attempt: asked(Decode(encoded, prompt, language, hints.beam, attempt)),
            hints.limits,
        )
        if decoding is None or not decoding.text:
            return [], window.end, acted
        segments, following, closed = self._model.segments(
            decoding.tokens, language, window.begin, window.frames
        )
        last_end_s = before[-1].end if before else 0.0
        segments = yield AddWords(segments, language, encoded, window.frames, last_end_s)
        said = [each for each in segments if each["words"] and each["start"] != each["end"]]
        if not closed:
            following = round(_last_end(segments) * FRAMES_A_S)
        return said, max(following, window.begin + _LEAST_FRAMES), acted


@dataclass(frozen=True, slots=True)
class _Window:
    begin: int  # in frames
    frames: int
    encoded: Any

    @property
    def end(self) -> int:
        return self.begin + self.frames


def _last_end(segments: Sequence[dict[str, Any]]) -> float:
    ends = [word["end"] for segment in segments for word in segment["words"]]
    return float(ends[-1] if ends else segments[-1]["end"])


def _words(segments: Sequence[dict[str, Any]]) -> list[Word]:
    told = [word for segment in segments for word in segment["words"]]
    return [
        Word(float(each["start"]), float(each["end"]), text, min(1.0, float(each["probability"])))
        for each in told
        if (text := each["word"].strip())
    ]


def in_order(words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
    """Each within the sound, none beginning before the one before it."""
    placed, begin = [], 0.0
    for word in words:
        begin = min(max(begin, word.start), seconds)
        end = min(max(begin, word.end), seconds)
        placed.append(Word(begin, end, word.text, word.probability))
    return tuple(placed)

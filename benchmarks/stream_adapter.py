"""What an hour in a live window costs: ``python -m benchmarks stream_adapter``.

A session of 61 minutes through a recogniser that knows what is said and works, for each second of
its window, for as long, as an engine does. Minute 60 is held against minute 1. And what the window
itself costs, beside the recogniser. CPU time.
"""

from __future__ import annotations

import random
import time
from statistics import fmean
from typing import Any

import numpy as np
from tests.models.scripted import Faults, ScriptedRecogniser, sound_of

from benchmarks.common import machine, save
from twicetold.engines.inlet import RATE, Floats
from twicetold.engines.stream_adapter.recogniser import Heard
from twicetold.engines.stream_adapter.window import LiveWindow
from twicetold.speech.transcript import Word

_MINUTES = 61
_MOST_RATIO = 1.1
_ROUNDS = 100
_WORDS = ("train", "at", "five", "from", "the", "other", "station", "we", "say", "it", "is")


def _talk(seconds: float) -> list[Word]:
    """Three words a second, in sentences with a pause behind each."""
    draw = random.Random(1)
    words: list[Word] = []
    at = 0.5
    while at < seconds - 1:
        length = draw.uniform(0.15, 0.45)
        ends = draw.random() < 0.08
        words.append(Word(at, at + length, draw.choice(_WORDS) + ("." if ends else "")))
        at += length + (draw.uniform(0.3, 1.5) if ends else draw.uniform(0.0, 0.06))
    return words


class _Working:
    """A test double that works for as long as its window is, and knows the words."""

    def __init__(self, knows: ScriptedRecogniser) -> None:
        self._knows = knows
        self.took_s: list[float] = []

    def __call__(self, sound: Floats, prompt: str) -> Heard:
        began = time.process_time()
        for _ in range(_ROUNDS):
            np.tanh(sound).sum()
        self.took_s.append(time.process_time() - began)
        return self._knows(sound, prompt, "en")


def run() -> dict[str, Any]:
    truth = _talk(60.0 * _MINUTES)
    knows = ScriptedRecogniser(truth, Faults(jitter_s=0.05, unstable_s=1.0), 1)
    recognise, window = _Working(knows), LiveWindow()
    own_s: list[float] = []
    texts: list[str] = []
    for second in range(60 * _MINUTES):
        began = time.process_time()
        window.hear(sound_of(second * RATE, (second + 1) * RATE))
        asked = window.due()
        spent_s = time.process_time() - began
        assert asked is not None
        heard = recognise(asked.sound, asked.prompt)
        began = time.process_time()
        texts += [word.text for word in window.take(heard)]
        own_s.append(spent_s + time.process_time() - began)
    texts += [word.text for word in window.flush()]

    def of_minute(values: list[float], minute: int) -> float:
        return fmean(values[60 * (minute - 1) : 60 * minute])

    minutes = (1, 2, 30, 60)
    tick_s = [mine + other for mine, other in zip(own_s, recognise.took_s, strict=True)]
    ratio = of_minute(tick_s, 60) / of_minute(tick_s, 1)
    right = texts == [word.text for word in truth]
    figures = {
        "machine": machine(),
        "window_s": {at: round(of_minute(knows.windows_s, at), 2) for at in minutes},
        "longest_window_s": max(knows.windows_s),
        "tick_ms": {at: round(1000 * of_minute(tick_s, at), 2) for at in minutes},
        "own_ms": {at: round(1000 * of_minute(own_s, at), 2) for at in minutes},
        "minute_60_to_1": round(ratio, 3),
        "words": len(truth),
        "all_words_right": right,
        "failed": not right or ratio > _MOST_RATIO,
    }
    save("stream_adapter", figures)
    return figures

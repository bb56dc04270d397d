"""Live calls through an engine that decodes several together, in virtual time.

All calls speak without a pause, in utterances of six seconds that begin at different moments. A
round takes in what was said since the last one began and decodes what is due, up to ``together``
at once; the clock goes on by what that took, as in an engine's host. Where there is more to do
than time, rounds grow longer and words come later: a round is how late they are.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.common import percentile
from twicetold.engines.together import JointEngine, JointStream

RATE = 16_000
_UTTERANCE_S = 6.0
_LEAST_ROUND_S = 0.02  # a chunk
LATE_S = 0.5  # a round that is longer keeps people waiting


class Rounds(NamedTuple):
    """``busy``: the share of time that the engine works; ``p95_s``: of a round."""

    busy: float
    p95_s: float

    @property
    def keeps_up(self) -> bool:
        return self.p95_s <= LATE_S


def _speech(seconds: float) -> bytes:
    """Noise in syllables: no language, but not silence either."""
    draw = np.random.default_rng(0)
    loud = np.repeat(draw.random(int(seconds * 5)), RATE // 5)
    sound = draw.normal(0, 0.2, len(loud)) * loud
    return (sound.clip(-1, 1) * 32_767).astype("<i2").tobytes()


_SOUND = _speech(30)


class _Call:
    """``phase``: seconds of the first utterance that lie behind it when the clock starts."""

    def __init__(self, engine: JointEngine, phase: float) -> None:
        self._engine, self._said = engine, -phase
        self._begun, self._heard_bytes = -phase, 0
        self._stream = self._opened()

    def _opened(self) -> JointStream:
        return self._engine.start(RATE, "en", None)  # type: ignore[return-value]

    def due(self, now: float) -> JointStream | None:
        """Its stream, where that has to be decoded by now."""
        until = min(now, self._begun + _UTTERANCE_S)
        size = int((until - self._said) * RATE) * 2
        begin = self._heard_bytes % (len(_SOUND) - 32_000 * 8)
        stream = self._stream
        due = stream.hear(_SOUND[begin : begin + size])
        self._heard_bytes += size
        self._said += size / 2 / RATE
        if until == self._begun + _UTTERANCE_S:
            due = stream.end() or due
            self._begun = self._said = until
            self._stream = self._opened()
        return stream if due else None


def rounds(engine: JointEngine, calls: int, seconds: float) -> Rounds:
    """So many calls for so many seconds, after an utterance's time to settle in."""
    draw = np.random.default_rng(calls)
    everyone = [_Call(engine, phase) for phase in draw.uniform(0, _UTTERANCE_S, calls)]
    now, worked, took = 0.0, 0.0, list[float]()
    first = _UTTERANCE_S / 2
    while now < first + seconds or not took:
        began = time.perf_counter()
        due = [stream for call in everyone if (stream := call.due(now)) is not None]
        for at in range(0, len(due), engine.together):
            engine.decode(due[at : at + engine.together])
        cost = time.perf_counter() - began
        if now >= first:
            worked += cost if due else 0.0
            took.append(max(cost, _LEAST_ROUND_S))
        now += max(cost, _LEAST_ROUND_S)
    return Rounds(round(worked / sum(took), 2), round(percentile(took, 95), 3))


def most_calls(engine: JointEngine, *, first: int, seconds: float, most: int) -> dict[str, Any]:
    """Doubling, then between: how many calls an engine keeps up with (to a sixteenth)."""
    tried: dict[int, Rounds] = {}

    def holds(calls: int) -> bool:
        tried[calls] = rounds(engine, calls, seconds)
        return tried[calls].keeps_up

    good, calls = 0, first
    while calls <= most and holds(calls):
        good, calls = calls, calls * 2
    bad = calls
    while good and bad - good > max(1, good // 16) and bad <= most:
        between = (good + bad) // 2
        good, bad = (between, bad) if holds(between) else (good, between)
    return {
        "calls": good,
        "tried": {number: each._asdict() for number, each in sorted(tried.items())},
    }

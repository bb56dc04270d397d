"""Calls played at their real speed, and how long their captions took: what ``bench live`` and the
benchmarks of the live pass measure with.

Where speech begins and ends is read off the sound itself, by its loudness, and never asked of the
detector that is being measured. A latency counts from the moment at which that sample would have
been spoken, so the rest of its message, the silence that ends an utterance, the engine, the store
and the socket are all in it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twicetold.client import LiveClient

Samples = NDArray[np.int16]
Span = tuple[float, float]

MESSAGE_S = 0.1
_FRAME_S = 0.02
_BELOW_PEAK_DB = 35.0  # speech is what comes within so much of the loudest frame,
_ABOVE_FLOOR_DB = 8.0  # and lies so much above the quietest twentieth
_SURE_PAUSE_S = 0.8  # a pause that must end an utterance, whatever the detector's delay
_LEAST_OVERLAP_S = 0.05


@dataclass(frozen=True, slots=True)
class Script:
    """What one call says: mono PCM s16le, and its stretches of speech in seconds."""

    pcm: bytes
    rate: int
    speech: tuple[Span, ...]

    @property
    def length_s(self) -> float:
        return len(self.pcm) / 2 / self.rate

    @classmethod
    def of(cls, sound: Samples, rate: int) -> Script:
        return cls(sound.astype("<i2").tobytes(), rate, tuple(speech_spans(sound, rate)))


@dataclass(slots=True)
class Caption:
    """A partial or final: when it came (seconds since the call's first sample was spoken)
    and which sound it is about."""

    at_s: float
    start: float
    end: float
    text: str


@dataclass(slots=True)
class Heard:
    """What one call got back."""

    partials: list[Caption] = field(default_factory=list)
    finals: list[Caption] = field(default_factory=list)
    lagging: int = 0
    done: bool = False
    late_s: float = 0.0  # the most by which this side itself sent a message late


@dataclass(slots=True)
class Latencies:
    """Of any number of calls, in seconds."""

    final_s: list[float] = field(default_factory=list)
    first_partial_s: list[float] = field(default_factory=list)
    stretches: int = 0
    without_words: int = 0  # stretches of speech that no caption is about
    lagging: int = 0
    unfinished: int = 0  # calls without a ``done``
    late_s: float = 0.0

    def add(self, script: Script, heard: Heard) -> None:
        self.lagging += heard.lagging
        self.unfinished += not heard.done
        self.late_s = max(self.late_s, heard.late_s)
        for span in script.speech:
            self.stretches += 1
            finals = [each.at_s for each in heard.finals if _about(each, span)]
            partials = [each.at_s for each in heard.partials if _about(each, span)]
            if not finals:
                self.without_words += 1
                continue
            self.final_s.append(max(finals) - span[1])
            self.first_partial_s.append(min(partials + finals) - span[0])


def speech_spans(
    sound: Samples, rate: int, least_pause_s: float = _SURE_PAUSE_S
) -> list[tuple[float, float]]:
    """Where somebody speaks, by loudness alone: stretches with pauses of ``least_pause_s`` or
    more between them, in seconds."""
    loud = loud_frames(sound, rate)
    spans: list[tuple[float, float]] = []
    for index in np.flatnonzero(loud):
        start, end = index * _FRAME_S, (index + 1) * _FRAME_S
        if spans and start - spans[-1][1] < least_pause_s:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return [(start, end) for start, end in spans if end - start >= 0.1]


def loud_frames(sound: Samples, rate: int) -> NDArray[np.bool_]:
    """For each 20 ms whether they are as loud as speech is in this sound."""
    size = int(_FRAME_S * rate)
    whole = len(sound) // size * size
    if not whole:
        return np.zeros(0, np.bool_)
    frames = sound[:whole].reshape(-1, size).astype(np.float64)
    loudness = 10 * np.log10(np.mean(frames * frames, axis=1) + 1e-3)
    floor = float(np.percentile(loudness, 5)) + _ABOVE_FLOOR_DB
    peak = float(np.max(loudness))
    level = max(peak - _BELOW_PEAK_DB, min(floor, peak - 20.0))
    return _without_clicks(np.asarray(loudness >= level, np.bool_))


def _without_clicks(loud: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Bursts of less than 100 ms that stand alone are keys and lips, not words."""
    kept = loud.copy()
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(np.int8), [0]))))
    runs = edges.reshape(-1, 2)
    for index, (start, end) in enumerate(runs):
        before = start - runs[index - 1][1] if index else len(loud)
        after = runs[index + 1][0] - end if index + 1 < len(runs) else len(loud)
        if end - start < 5 and min(before, after) > 7:
            kept[start:end] = False
    return kept


async def play(
    url: str, call_id: str, script: Script, *, key: str | None = None, language: str = "en"
) -> Heard:
    """One call at its real speed, in messages of 100 ms."""
    heard = Heard()
    client = LiveClient(
        url, call_id=call_id, language=language, sample_rate=script.rate, channels=1, key=key
    )
    async with client, asyncio.TaskGroup() as group:
        began = asyncio.get_running_loop().time()
        group.create_task(_send(client, script, began, heard))
        group.create_task(_listen(client, began, heard))
    return heard


async def _send(client: LiveClient, script: Script, began: float, heard: Heard) -> None:
    loop = asyncio.get_running_loop()
    size = int(MESSAGE_S * script.rate) * 2
    for number in range(math.ceil(len(script.pcm) / size)):
        due = began + (number + 1) * MESSAGE_S
        await asyncio.sleep(max(0.0, due - loop.time()))
        heard.late_s = max(heard.late_s, loop.time() - due)
        await client.send(script.pcm[number * size : (number + 1) * size])
    await client.stop()


async def _listen(client: LiveClient, began: float, heard: Heard) -> None:
    loop = asyncio.get_running_loop()
    async for event in client.events():
        kind = event["type"]
        if kind in ("partial", "final"):
            about = (event["start"], event["end"], event["text"])
            captions = heard.finals if kind == "final" else heard.partials
            captions.append(Caption(loop.time() - began, *about))
        heard.lagging += kind == "lagging"
        heard.done = heard.done or kind == "done"


async def play_all(
    url: str, name: str, scripts: Sequence[Script], *, key: str | None = None, language: str = "en"
) -> list[Heard]:
    """All calls at once, spread over a second so that their messages do not come as one."""

    async def one(number: int, script: Script) -> Heard:
        await asyncio.sleep(number / len(scripts))
        return await play(url, f"{name}-{number}", script, key=key, language=language)

    return await asyncio.gather(*(one(*each) for each in enumerate(scripts)))


def latencies_of(pairs: Iterable[tuple[Script, Heard]]) -> Latencies:
    latencies = Latencies()
    for script, heard in pairs:
        latencies.add(script, heard)
    return latencies


def _about(caption: Caption, span: Span) -> bool:
    return min(caption.end, span[1]) - max(caption.start, span[0]) > _LEAST_OVERLAP_S

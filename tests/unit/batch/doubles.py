"""Stand-ins for the batch pass's tools: a decoder of PCM in memory, and a counted engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np

from twicetold.batch.pipeline import Tools
from twicetold.engines import EngineInfo, Sound
from twicetold.engines.counter import CounterEngine, ToneActivity
from twicetold.enrich.speakers import Diarization, Diarizer
from twicetold.errors import EngineHostDied, TwicetoldError
from twicetold.media import SoundInfo, StreamDecoding
from twicetold.speech.transcript import Hypothesis
from twicetold.speech.turns import Turn


class FakeDecoding:
    """PCM in pieces of a given size; raises ``error`` after the last one."""

    def __init__(self, info: SoundInfo, pcm: bytes, piece: int, error: Exception | None) -> None:
        self.info, self.closed = info, False
        self._pcm, self._piece, self._error = pcm, piece, error

    async def blocks(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._pcm), self._piece):
            yield self._pcm[at : at + self._piece]
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self.closed = True


class FakeDecoder:
    """Every path holds the same sound."""

    def __init__(
        self,
        pcm: bytes,
        rate: int,
        channels: int = 1,
        *,
        piece: int = 31_111 * 4,
        error: Exception | None = None,
        refusal: TwicetoldError | None = None,
    ) -> None:
        length_s = len(pcm) / 2 / channels / rate
        self._info = SoundInfo("raw", "pcm", rate, channels, rate, channels, length_s)
        self._pcm, self._piece, self._error, self._refusal = pcm, piece, error, refusal
        self.opened: list[FakeDecoding] = []

    async def open_file(self, path: Path) -> FakeDecoding:
        if self._refusal is not None:
            raise self._refusal
        self.opened.append(FakeDecoding(self._info, self._pcm, self._piece, self._error))
        return self.opened[-1]

    async def open_stream(self, container: str, channels: int) -> StreamDecoding:
        raise NotImplementedError

    async def aclose(self) -> None: ...


class CountedEngine:
    """The counter engine; notes every call, waits while ``open`` is cleared, dies on demand."""

    def __init__(self, parallel: int = 2, deaths: int = 0) -> None:
        self._engine, self._deaths = CounterEngine(), deaths
        self.parallel = self.workers = parallel
        self.calls: list[Sound] = []
        self.languages: set[str] = set()
        self.in_flight = self.most_in_flight = 0
        self.open = asyncio.Event()
        self.open.set()
        self._began = asyncio.Condition()

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        self.calls += sounds
        self.languages.add(language)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            async with self._began:
                self._began.notify_all()
            await self.open.wait()
            await asyncio.sleep(0)
            if self._deaths:
                self._deaths -= 1
                raise EngineHostDied("The engine's host died.")
            return [self._engine.transcribe(sound, language) for sound in sounds]
        finally:
            self.in_flight -= 1

    async def until_in_flight(self, chunks: int) -> None:
        async with asyncio.timeout(10.0), self._began:
            await self._began.wait_for(lambda: self.in_flight >= chunks)

    async def aclose(self) -> None: ...


def tools_of(decoder: FakeDecoder, engine: CountedEngine) -> Tools:
    return Tools(decoder, engine, ToneActivity())


def interleaved(*channels: bytes) -> bytes:
    """One PCM of several; the shorter ones are filled up with silence."""
    samples = [np.frombuffer(pcm, "<i2") for pcm in channels]
    table = np.zeros((max(map(len, samples)), len(samples)), "<i2")
    for index, one in enumerate(samples):
        table[: len(one), index] = one
    return table.tobytes()


class Here:
    """Has a diarizer's work done at once, in this process."""

    def __init__(self, diarizer: Diarizer) -> None:
        self.name, self._diarizer = diarizer.name, diarizer
        self.started = 0

    def start(self, rate: int, sure: bool) -> HearingHere:
        self.started += 1
        return HearingHere(self._diarizer.start(rate))


class HearingHere:
    compute_s = 0.25

    def __init__(self, diarization: Diarization) -> None:
        self._diarization, self.closed = diarization, False
        self._waiting: list[tuple[bytes, Sequence[float]]] = []

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        self._waiting.append((pcm, speech))

    async def hand_on(self) -> None:
        while self._waiting:
            self._diarization.accept(*self._waiting.pop(0))

    async def finish(self) -> list[Turn]:
        await self.hand_on()
        return self._diarization.finish()

    def close(self) -> None:
        self.closed = True

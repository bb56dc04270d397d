"""Engines without a host, and the one that hears nothing."""

from __future__ import annotations

import time

import pytest

from twicetold.engines import EngineInfo, Sound
from twicetold.engines.hosted import HostedStream
from twicetold.engines.inline import Inline
from twicetold.engines.null import NullEngine
from twicetold.errors import EngineFailed, OddByteCount
from twicetold.speech.transcript import Hypothesis

pytestmark = pytest.mark.unit


class Broken:
    """A fake engine whose every verb raises; remembers whether its stream was closed."""

    info = EngineInfo("broken", "broken", ("*",), live=True, batch=True, word_times=False)
    closed = 0

    def start(self, rate: int, language: str, adaptation: str | None) -> HostedStream:
        if rate == 0:
            raise ValueError("secret")
        return self

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        raise ValueError("secret")

    def accept(self, pcm: bytes) -> Hypothesis:
        raise ValueError("secret")

    def finish(self) -> Hypothesis:
        raise ValueError("secret")

    def close(self) -> None:
        self.closed += 1


async def test_what_an_engine_raises_becomes_engine_failed_and_closes_its_stream() -> None:
    broken = Broken()
    engine = Inline(broken)
    for verb in (
        lambda: engine.start_stream(0, "en"),
        lambda: engine.transcribe([Sound(b"", 8000)], "en"),
    ):
        with pytest.raises(EngineFailed, match=r"The engine raised ValueError\.$"):
            await verb()
    stream = await engine.start_stream(8000, "en")
    with pytest.raises(EngineFailed):
        await stream.accept(b"\0\0")
    assert broken.closed == 1
    with pytest.raises(EngineFailed, match="over"):
        await stream.accept(b"\0\0")
    stream = await engine.start_stream(8000, "en")
    with pytest.raises(EngineFailed):
        await stream.finish()
    await stream.aclose()
    assert broken.closed == 2


async def test_null_answers_every_message_with_another_word() -> None:
    engine = Inline(NullEngine())
    stream = await engine.start_stream(16_000, "en", "kept")
    with pytest.raises(OddByteCount):
        await stream.accept(b"\0")
    texts = [(await stream.accept(bytes(6400))).text for _ in range(3)]
    assert texts == ["1", "2", "3"]
    last = await stream.finish()
    assert (last.text, last.words[0].end, last.adaptation) == ("3", 0.6, "kept")
    empty = await engine.start_stream(16_000, "en")
    assert (await empty.finish()).words == ()
    assert await engine.transcribe([Sound(bytes(10), 8_000)], "en") == [Hypothesis()]


class Slow(NullEngine):
    """A fake engine whose batch verb takes a moment."""

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        time.sleep(0.02)
        return super().transcribe(sound, language)


async def test_each_answer_tells_how_long_it_took() -> None:
    engine = Inline(Slow())
    heard = await engine.transcribe([Sound(bytes(10), 8_000)] * 2, "en")
    assert all(each.compute_s >= 0.02 for each in heard)
    stream = await engine.start_stream(8_000, "en")
    assert 0.0 < (await stream.accept(bytes(10))).compute_s < 1.0
    assert 0.0 < (await stream.finish()).compute_s < 1.0

"""Utterances through an engine whose hosts die: replayed from the first sample, or failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from twicetold.engines import EngineInfo, Stream
from twicetold.errors import EngineHostDied
from twicetold.live.endpointing import Begin, End, Hear, Rest
from twicetold.live.utterances import ChannelRunner, Utterance
from twicetold.speech.transcript import Hypothesis, Word

pytestmark = pytest.mark.unit

INFO = EngineInfo("fake", "none", ("*",), live=True, batch=False, word_times=True)


class FakeStream:
    """A test double: says how many bytes it has heard; dies as often as its engine is told to."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine, self.heard = engine, b""

    async def accept(self, pcm: bytes) -> Hypothesis:
        await asyncio.sleep(0)
        if self._engine.deaths:
            self._engine.deaths -= 1
            of_another = self._engine.of_another
            raise EngineHostDied("killed by the test", of_another=of_another)
        self.heard += pcm
        return Hypothesis((Word(0.0, 0.1, str(len(self.heard))),))

    async def finish(self) -> Hypothesis:
        self._engine.finished.append(self.heard)
        return Hypothesis((Word(0.0, 0.1, str(len(self.heard))),), f"after {len(self.heard)}")

    async def aclose(self) -> None:
        self._engine.closed += 1


class FakeEngine:
    """A test double of a streaming transcriber."""

    info = INFO

    def __init__(self, deaths: int = 0, *, of_another: bool = False) -> None:
        self.deaths, self.of_another = deaths, of_another
        self.closed = 0
        self.finished: list[bytes] = []
        self.adaptations: list[str | None] = []

    async def start_stream(self, rate: int, language: str, adaptation: str | None = None) -> Stream:
        self.adaptations.append(adaptation)
        return FakeStream(self)

    async def aclose(self) -> None:
        """Nothing to give back."""


class Channel:
    """A running channel and what it has said."""

    def __init__(self, engine: FakeEngine) -> None:
        self.partials: list[str] = []
        self.ends: list[tuple[int, bool, str]] = []
        self.runner = ChannelRunner(
            0,
            16_000,
            "en",
            engine,
            adaptation=None,
            on_hypothesis=self._partial,
            on_end=self._end,
        )

    def _partial(self, channel: int, utterance: Utterance, heard: Hypothesis) -> None:
        self.partials.append(heard.text)

    async def _end(self, channel: int, utterance: Utterance, end: End, heard: Hypothesis) -> None:
        self.ends.append((utterance.number, utterance.failed, heard.text))


@asynccontextmanager
async def running(engine: FakeEngine) -> AsyncIterator[Channel]:
    channel = Channel(engine)
    task = asyncio.create_task(channel.runner.run())
    yield channel
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def utterance(channel: Channel, number: int, *sounds: bytes) -> None:
    channel.runner.put(Begin(0, number, 0, 0, 0))
    for sound in sounds:
        channel.runner.put(Hear(0, sound))
    channel.runner.put(End(0, number, 10, 10))


async def test_sound_reaches_the_stream_in_order_and_the_end_is_told_once() -> None:
    engine = FakeEngine()
    async with running(engine) as channel:
        utterance(channel, 1, b"aa", b"bb", b"cc")
        await channel.runner.drained.wait()
    assert engine.finished == [b"aabbcc"]
    assert channel.ends == [(1, False, "6")]
    assert channel.runner.backlog_samples == 0


async def test_an_utterance_that_rests_leaves_its_engine_to_others_and_is_heard_whole() -> None:
    engine = FakeEngine()
    async with running(engine) as channel:
        channel.runner.put(Begin(0, 1, 0, 0, 0))
        channel.runner.put(Hear(0, b"aabb"))
        channel.runner.put(Rest(0))
        await channel.runner.drained.wait()
        assert engine.closed == 1
        channel.runner.put(Hear(0, b"cc"))
        channel.runner.put(Rest(0))
        channel.runner.put(Rest(0))
        channel.runner.put(End(0, 1, 10, 10))
        await channel.runner.drained.wait()
    assert engine.finished == [b"aabbcc"]
    assert channel.ends == [(1, False, "6")]


@pytest.mark.parametrize("deaths", [1, 2])
async def test_after_a_death_the_utterance_is_heard_again_from_its_first_sample(
    deaths: int,
) -> None:
    engine = FakeEngine(deaths)
    async with running(engine) as channel:
        utterance(channel, 1, b"aa", b"bb")
        await channel.runner.drained.wait()
    assert engine.finished == [b"aabb"]
    assert channel.ends == [(1, False, "4")]


async def test_what_no_host_survives_becomes_failed_and_the_next_one_is_heard() -> None:
    engine = FakeEngine(deaths=3)
    async with running(engine) as channel:
        utterance(channel, 1, b"aa")
        await channel.runner.drained.wait()
        utterance(channel, 2, b"bb")
        await channel.runner.drained.wait()
    assert channel.ends == [(1, True, ""), (2, False, "2")]


async def test_deaths_of_another_s_sound_are_not_counted_against_an_utterance() -> None:
    engine = FakeEngine(deaths=20, of_another=True)
    async with running(engine) as channel:
        utterance(channel, 1, b"aa", b"bb")
        await channel.runner.drained.wait()
    assert engine.finished == [b"aabb"]
    assert channel.ends == [(1, False, "4")]


async def test_an_utterance_is_not_tried_for_ever() -> None:
    engine = FakeEngine(deaths=1_000, of_another=True)
    async with running(engine) as channel:
        utterance(channel, 1, b"aa")
        await channel.runner.drained.wait()
    assert channel.ends == [(1, True, "")]


async def test_a_deadly_utterance_is_skipped_once() -> None:
    engine = FakeEngine()
    async with running(engine) as channel:
        channel.runner.fail_before = 1
        utterance(channel, 1, b"aa")
        utterance(channel, 2, b"bb")
        await channel.runner.drained.wait()
    assert channel.ends == [(1, True, ""), (2, False, "2")]
    assert engine.finished == [b"bb"]


async def test_adaptation_goes_from_each_final_to_the_next_utterance() -> None:
    engine = FakeEngine()
    async with running(engine) as channel:
        utterance(channel, 1, b"aa")
        utterance(channel, 2, b"bb")
        await channel.runner.drained.wait()
    assert engine.adaptations == [None, "after 2"]


async def test_needed_holds_on_to_the_oldest_unfinished_utterance() -> None:
    engine = FakeEngine()
    async with running(engine) as channel:
        channel.runner.put(Begin(0, 1, 160, 200, 160))
        channel.runner.put(Hear(0, b"aaaa"))
        await channel.runner.drained.wait()
        assert channel.runner.needed == 160
        channel.runner.put(End(0, 1, 500, 500))
        await channel.runner.drained.wait()
        assert channel.runner.needed is None

"""Utterances through an engine whose hosts die: replayed from the first sample, or failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from twicetold.choice.chain import Chain, Member
from twicetold.engines import (
    NOTHING_EXPECTED,
    EngineInfo,
    Expected,
    Sound,
    Stream,
    StreamingTranscriber,
    Transcriber,
)
from twicetold.errors import EngineFailed, EngineHostDied, EngineNotAllowed, EngineRefused
from twicetold.live.endpointing import Begin, End, Hear, Rest
from twicetold.live.engines import Engines
from twicetold.live.learnt import Learnt
from twicetold.live.utterances import ChannelRunner, Utterance
from twicetold.speech.computed import Computed
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
            raise self._engine.error or EngineHostDied(
                "killed by the test", of_another=self._engine.of_another
            )
        self.heard += pcm
        return Hypothesis((Word(0.0, 0.1, str(len(self.heard))),), compute_s=1.0)

    async def finish(self) -> Hypothesis:
        self._engine.finished.append(self.heard)
        learnt = f"after {len(self.heard)}"
        return Hypothesis((Word(0.0, 0.1, str(len(self.heard))),), learnt, compute_s=10.0)

    async def aclose(self) -> None:
        self._engine.closed += 1


class FakeEngine:
    """A test double of a streaming transcriber."""

    info = INFO

    def __init__(
        self, deaths: int = 0, *, of_another: bool = False, error: EngineFailed | None = None
    ) -> None:
        self.deaths, self.of_another, self.error = deaths, of_another, error
        self.closed = 0
        self.finished: list[bytes] = []
        self.adaptations: list[str | None] = []
        self.expected: list[Expected] = []

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> Stream:
        self.adaptations.append(adaptation)
        self.expected.append(expected)
        return FakeStream(self)

    async def aclose(self) -> None:
        """Nothing to give back."""


class Channel:
    """A running channel and what it has said."""

    def __init__(self, engine: FakeEngine) -> None:
        self.partials: list[str] = []
        self.ends: list[tuple[int, bool, str]] = []
        self.engines: list[str] = []
        self.computed = Computed()
        self.runner = ChannelRunner(
            0,
            16_000,
            "en",
            Engines(Chain.of(engine)),
            adaptation=None,
            on_hypothesis=self._partial,
            on_end=self._end,
            on_compute=self.computed.add,
        )

    def _partial(self, channel: int, utterance: Utterance, heard: Hypothesis) -> None:
        self.partials.append(heard.text)

    async def _end(self, channel: int, utterance: Utterance, end: End, heard: Hypothesis) -> None:
        self.ends.append((utterance.number, utterance.failed, heard.text))
        self.engines.append(utterance.engine)
        self.runner.settled()


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


# --- several engines ------------------------------------------------------------------------


class NamedEngine(FakeEngine):
    """A test double with a name of its own, which also hears utterances again, whole."""

    parallel = 1

    def __init__(self, name: str, deaths: int = 0, again: Exception | None = None) -> None:
        super().__init__(deaths)
        self.info = EngineInfo(name, "", ("*",), live=True, batch=True, word_times=True)
        self.again, self.heard_again = again, 0
        self.learns, self.heard_before = False, list[str | None]()

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        self.heard_again += 1
        if self.again is not None:
            raise self.again
        [sound] = sounds
        self.expected.append(sound.expected)
        self.heard_before.append(sound.adaptation)
        learnt = f"again after {len(sound.pcm)}" if self.learns else None
        words = (Word(0.0, 0.1, f"again {len(sound.pcm)}"),)
        return [Hypothesis(words, learnt, compute_s=100.0)]


@asynccontextmanager
async def chained(
    engines: Chain[StreamingTranscriber], again: Chain[Transcriber] | None = None
) -> AsyncIterator[Channel]:
    channel = Channel(FakeEngine())
    channel.runner._engines = Engines(engines, again, again_within_s=0.2)
    task = asyncio.create_task(channel.runner.run())
    yield channel
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_next_engine_goes_on_with_an_utterance_that_one_fails() -> None:
    first, second = NamedEngine("a", deaths=100), NamedEngine("b")
    async with chained(Chain.of(first, second)) as channel:
        utterance(channel, 1, b"aa", b"bb")
        utterance(channel, 2, b"cc")
        await channel.runner.drained.wait()
    assert channel.ends == [(1, False, "4"), (2, False, "2")]
    assert second.finished == [b"aabb", b"cc"]
    assert channel.engines == ["b", "b"]


async def test_what_an_engine_learnt_is_nothing_to_another() -> None:
    first, second = NamedEngine("a"), NamedEngine("b")
    async with chained(Chain.of(first, second)) as channel:
        utterance(channel, 1, b"aa")
        await channel.runner.drained.wait()
        first.deaths = 2
        utterance(channel, 2, b"aaaa")
        await channel.runner.drained.wait()
        utterance(channel, 3, b"a")
        await channel.runner.drained.wait()
    assert first.adaptations == [None, "after 2", "after 2", None]
    assert second.adaptations == [None]
    assert channel.engines == ["a", "b", "a"]


async def test_an_utterance_is_heard_again_whole_for_its_final() -> None:
    live, final = NamedEngine("live"), NamedEngine("final")
    async with chained(Chain.of(live), Chain.of(final)) as channel:
        utterance(channel, 1, b"aa", b"bb")
        await channel.runner.drained.wait()
    assert channel.ends == [(1, False, "again 4")]
    assert channel.engines == ["final"]
    assert live.finished == [b"aabb"]
    assert channel.runner.adaptation == '[["live", "after 4"], null]'


async def test_who_hears_utterances_again_goes_on_with_what_it_has_learnt() -> None:
    """Also at a successor, which has what was stored with the last final."""
    live, final = NamedEngine("live"), NamedEngine("final")
    final.learns = True
    async with chained(Chain.of(live), Chain.of(final)) as channel:
        utterance(channel, 1, b"aa")
        utterance(channel, 2, b"bbbb")
        await channel.runner.drained.wait()
    assert final.heard_before == [None, "again after 2"]
    assert live.adaptations == [None, "after 2"]
    async with chained(Chain.of(live), Chain.of(final)) as successor:
        successor.runner._learnt = Learnt.from_text(channel.runner.adaptation)
        utterance(successor, 3, b"c")
        await successor.runner.drained.wait()
    assert final.heard_before[2:] == ["again after 4"]
    assert live.adaptations[2:] == ["after 4"]


@pytest.mark.parametrize("error", [EngineFailed("says the test"), EngineHostDied("says the test")])
async def test_where_it_cannot_be_heard_again_the_live_words_stand(error: Exception) -> None:
    live, final = NamedEngine("live"), NamedEngine("final", again=error)
    async with chained(Chain.of(live), Chain.of(final)) as channel:
        utterance(channel, 1, b"aa")
        await channel.runner.drained.wait()
    assert channel.ends == [(1, False, "2")]
    assert channel.engines == ["live"]


async def test_an_engine_for_finals_that_hangs_holds_nobody_up_for_long() -> None:
    class Hanging(NamedEngine):
        async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

    final = Hanging("final")
    async with chained(Chain.of(NamedEngine("live")), Chain.of(final)) as channel:
        utterance(channel, 1, b"aa")
        async with asyncio.timeout(5):
            await channel.runner.drained.wait()
    assert channel.ends == [(1, False, "2")]


async def test_final_words_come_also_where_the_live_engine_failed() -> None:
    final = NamedEngine("final")
    async with chained(Chain.of(NamedEngine("live", deaths=100)), Chain.of(final)) as channel:
        utterance(channel, 1, b"aa")
        await channel.runner.drained.wait()
    assert channel.ends == [(1, False, "again 2")]


async def test_a_call_that_is_behind_has_nothing_heard_twice() -> None:
    final = NamedEngine("final")
    async with chained(Chain.of(NamedEngine("live")), Chain.of(final)) as channel:
        utterance(channel, 1, b"aa")
        utterance(channel, 2, bytes(4 * 32_000))
        await channel.runner.drained.wait()
    assert channel.engines == ["live", "final"]


async def test_an_engine_that_is_no_longer_allowed_hears_nothing_more() -> None:
    def refuse() -> list[Member[StreamingTranscriber]]:
        raise EngineNotAllowed("withdrawn, says the test")

    async with chained(Chain(refuse)) as channel:
        utterance(channel, 1, b"aa")
        await channel.runner.drained.wait()
    assert channel.ends == [(1, True, "")]


# --- words without times --------------------------------------------------------------------


class FakeGuesser(FakeEngine):
    """A test double whose words have no times of their own."""

    info = EngineInfo("fake", "none", ("*",), live=True, batch=False, word_times=False)


@pytest.mark.parametrize(("kind", "heard"), [(FakeEngine, b"aabbcc"), (FakeGuesser, b"aabb")])
async def test_a_cut_is_heard_again_where_words_cannot_be_told_apart_by_time(
    kind: type[FakeEngine], heard: bytes
) -> None:
    engine = kind()
    async with running(engine) as channel:
        channel.runner.put(Begin(0, 1, 100, 100, 100))
        for sound in (b"aa", b"bb", b"cc"):
            channel.runner.put(Hear(0, sound))
        channel.runner.put(End(0, 1, 102, 102, cut=True))
        await channel.runner.drained.wait()
    assert engine.finished == [heard]


async def test_what_a_server_refuses_goes_to_the_next_engine_at_once() -> None:
    first, second = NamedEngine("a", deaths=9), NamedEngine("b")
    first.error = EngineRefused("no such model")
    async with chained(Chain.of(first, second)) as channel:
        utterance(channel, 1, b"aa")
        await channel.runner.drained.wait()
    assert first.deaths == 8
    assert channel.ends == [(1, False, "2")]
    assert channel.engines == ["b"]


async def test_before_a_cut_an_engine_without_times_hears_again_what_lies_there_alone() -> None:
    streaming, again = NamedEngine("a"), NamedEngine("b")
    again.info = replace(again.info, word_times=False)
    async with chained(Chain.of(streaming), Chain.of(again)) as channel:
        channel.runner.put(Begin(0, 1, 100, 100, 100))
        channel.runner.put(Hear(0, b"aabbcc"))
        channel.runner.put(End(0, 1, 102, 102, cut=True))
        await channel.runner.drained.wait()
    assert streaming.finished == [b"aabbcc"]
    assert channel.ends == [(1, False, "again 4")]


async def test_each_utterance_is_told_what_is_expected_by_then() -> None:
    engine, again = NamedEngine("a"), NamedEngine("f")
    expected = [Expected(("quux",)), Expected(("quux",)), Expected(), Expected()]
    async with chained(Chain.of(engine), Chain.of(again)) as channel:
        engines = channel.runner._engines
        channel.runner._engines = replace(engines, expected=lambda: expected.pop(0))
        utterance(channel, 1, b"aa")
        utterance(channel, 2, b"bb")
        await channel.runner.drained.wait()
    assert engine.expected == [Expected(("quux",)), Expected()]
    assert again.expected == [Expected(("quux",)), Expected()]


async def test_an_utterance_is_needed_until_its_final_is_stored() -> None:
    engine = FakeEngine()
    async with running(engine) as channel:
        channel.runner.settled = lambda: None  # type: ignore[method-assign]  # it is held back
        channel.runner.put(Begin(0, 1, 100, 100, 40))
        channel.runner.put(Hear(0, b"one"))
        channel.runner.put(End(0, 1, 200, 200))
        channel.runner.put(Begin(0, 2, 300, 300, 240))
        await channel.runner.drained.wait()
        assert [number for number, _, _ in channel.ends] == [1]
        assert (channel.runner.needed, channel.runner.unfinished_since) == (40, 100)
        del channel.runner.settled
        channel.runner.settled()
        assert (channel.runner.needed, channel.runner.unfinished_since) == (240, 300)


async def test_all_that_was_computed_counts_also_what_came_to_nothing() -> None:
    live, final = NamedEngine("live"), NamedEngine("final")
    async with chained(Chain.of(live), Chain.of(final)) as channel:
        channel.runner.put(Begin(0, 1, 0, 0, 0))
        channel.runner.put(Hear(0, b"aa"))
        await channel.runner.drained.wait()
        live.deaths = 1
        channel.runner.put(Hear(0, b"bb"))  # dies, and both are heard anew, in one piece
        channel.runner.put(End(0, 1, 10, 10))
        await channel.runner.drained.wait()
    assert live.finished == [b"aabb"]
    assert channel.computed.seconds == {"live": 1.0 + 1.0 + 10.0, "final": 100.0}


async def test_each_engine_of_a_chain_has_its_own_seconds() -> None:
    first, second = NamedEngine("a"), NamedEngine("b")
    async with chained(Chain.of(first, second)) as channel:
        utterance(channel, 1, b"aa")
        await channel.runner.drained.wait()
        first.deaths = 100
        utterance(channel, 2, b"bb")
        await channel.runner.drained.wait()
    assert channel.computed.seconds == {"a": 11.0, "b": 11.0}

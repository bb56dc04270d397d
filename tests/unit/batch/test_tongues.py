"""A channel speaks one language, whichever chunk is done first, wherever a job was interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.batch.doubles import CountedEngine, FakeDecoder, interleaved, tools_of

from twicetold.batch.checkpoints import Checkpoints, KeptChunks, StoredCheckpoints
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.pipeline import run_stages, stages
from twicetold.batch.places import EnginePlaces
from twicetold.batch.stages import Publish
from twicetold.batch.tongues import FoundLanguage
from twicetold.batch.transcript import Transcript
from twicetold.engines import EngineInfo, Expected, Sound
from twicetold.engines.counter import COUNTER_INFO, CounterEngine, render
from twicetold.errors import EngineFailed
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Hypothesis
from twicetold.storage import open_store

pytestmark = pytest.mark.unit

RATE = 8000
ENOUGH_S = 5.0
INFO = replace(COUNTER_INFO, languages=("de", "en"), language_after_s=ENOUGH_S)


class TongueEngine(CountedEngine):
    """A test double: its words say in which language they were heard. What ``auto`` is depends on
    all of the sound, so that a chunk alone may well be taken for another language."""

    def __init__(self, turns: Sequence[int] = (), fails_at: int = -1) -> None:
        super().__init__(parallel=3)
        self._turns, self._fails_at = list(turns), fails_at
        self.found: list[float] = []  # seconds of sound that a language was found by

    @property
    def info(self) -> EngineInfo:
        return INFO

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        self.calls += sounds
        number = len(self.calls)
        for _ in range(self._turns[number % len(self._turns)] if self._turns else 0):
            await asyncio.sleep(0)
        if number == self._fails_at:
            raise EngineFailed("It fails.")
        return [self._heard(sound, language) for sound in sounds]

    def _heard(self, sound: Sound, language: str) -> Hypothesis:
        heard = CounterEngine().transcribe(sound, "en")
        if language == "auto":
            self.found.append(sound.seconds)
            language = "de" if sum(int(word.text) for word in heard.words) % 2 else "en"
            return replace(_marked(heard, language), language=language)
        return _marked(heard, language)


def _marked(heard: Hypothesis, language: str) -> Hypothesis:
    words = [replace(word, text=f"{word.text}:{language}") for word in heard.words]
    return replace(heard, words=tuple(words))


async def transcribed(
    pcm: bytes, channels: int, engine: TongueEngine, kept: Checkpoints, chunk_s: float
) -> list[tuple[int, str]]:
    """Channel and word, in order."""
    said: list[tuple[int, str]] = []

    async def keep(transcript: Transcript, segments: object) -> None:
        async for segment in segments:
            said.extend((segment.channel, word.text) for word in segment.words)

    transcript = Transcript(Path("call.raw"), "auto", kept)
    tools = tools_of(FakeDecoder(pcm, RATE, channels), engine)
    steps = stages(
        tools, EnginePlaces(engine), ChunkingSettings(chunk_s=chunk_s), Publish(keep),
        Expected(("quux",)),
    )  # fmt: skip
    await run_stages(steps, transcript)
    assert transcript.progress.done_s == transcript.length_s
    return said


CHANNEL = st.tuples(st.integers(0, 500), st.integers(1, 40), st.integers(2, 9))


def sound_of(channels: list[tuple[int, int, int]]) -> bytes:
    spoken = [
        render(first, count, RATE, group=group, pause_s=0.9) for first, count, group in channels
    ]
    return interleaved(*spoken)


@settings(max_examples=25, deadline=None)
@given(
    channels=st.lists(CHANNEL, min_size=1, max_size=2),
    chunk_s=st.sampled_from([1.5, 4.0, 9.0]),
    turns=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    fails_at=st.lists(st.integers(1, 9), max_size=3),
)
def test_words_are_those_of_an_undisturbed_run(
    channels: list[tuple[int, int, int]], chunk_s: float, turns: list[int], fails_at: list[int]
) -> None:
    pcm, count = sound_of(channels), len(channels)

    async def run() -> None:
        undisturbed = await transcribed(pcm, count, TongueEngine(), KeptChunks(), chunk_s)
        kept = KeptChunks()
        for at in fails_at:
            try:
                engine = TongueEngine(turns, at)
                said = await transcribed(pcm, count, engine, kept, chunk_s)
            except EngineFailed:
                continue
            assert said == undisturbed
        assert await transcribed(pcm, count, TongueEngine(turns), kept, chunk_s) == undisturbed
        spoken = {channel: set[str]() for channel in range(count)}
        for channel, word in undisturbed:
            spoken[channel].add(word.partition(":")[2])
        assert all(len(languages) <= 1 for languages in spoken.values())
        assert len(undisturbed) > 0

    asyncio.run(run())


@pytest.mark.parametrize("dies_at", range(1, 9))
async def test_a_job_that_died_goes_on_in_its_language(tmp_path: Path, dies_at: int) -> None:
    """At whichever request it died, by what lies in the store."""

    async def allowed() -> None: ...

    pcm = sound_of([(7, 60, 5), (100, 50, 4)])
    undisturbed = await transcribed(pcm, 2, TongueEngine(), KeptChunks(), 2.0)
    stored = StoredCheckpoints(
        open_store("file://", tmp_path), CallKey("acme", "call-1"), "c0ffee", "plan", allowed
    )
    with pytest.raises(EngineFailed):
        await transcribed(pcm, 2, TongueEngine(fails_at=dies_at), stored, 2.0)
    again = TongueEngine()
    assert await transcribed(pcm, 2, again, stored, 2.0) == undisturbed
    assert len(again.found) <= 2


async def test_a_language_is_found_once_a_channel_by_enough_speech() -> None:
    engine = TongueEngine()
    pcm = sound_of([(7, 60, 5), (100, 50, 4)])
    said = await transcribed(pcm, 2, engine, KeptChunks(), 2.0)
    assert len(engine.found) == 2
    assert all(ENOUGH_S <= seconds < ENOUGH_S + 2.0 for seconds in engine.found)
    assert [int(word.partition(":")[0]) for channel, word in said if channel == 0] == list(
        range(7, 67)
    )
    assert all(sound.expected.terms == ("quux",) for sound in engine.calls)


async def test_a_first_chunk_that_is_enough_is_heard_once_alone() -> None:
    engine = TongueEngine()
    await transcribed(sound_of([(7, 90, 45)]), 1, engine, KeptChunks(), 9.0)
    assert len(engine.calls) == len({sound.pcm for sound in engine.calls}) > 1
    assert engine.calls[0].seconds == engine.found[0]


async def test_one_that_never_says_enough_is_heard_all_the_same() -> None:
    engine = TongueEngine()
    said = await transcribed(sound_of([(7, 4, 2)]), 1, engine, KeptChunks(), 30.0)
    assert [word.partition(":")[0] for _, word in said] == ["7", "8", "9", "10"]
    assert len(engine.found) == 1
    assert engine.found[0] < ENOUGH_S


async def test_what_was_found_stands_whatever_the_next_machine_hears() -> None:
    """Another machine's numbers may differ in the last bit: the language was settled before."""
    pcm, kept = sound_of([(7, 60, 5)]), KeptChunks()
    await kept.save_language(0, FoundLanguage("fr", 0.5))
    engine = TongueEngine()
    said = await transcribed(pcm, 1, engine, kept, 2.0)
    assert {word.partition(":")[2] for _, word in said} == {"fr"}
    assert engine.found == []


async def test_one_that_is_cancelled_as_its_language_is_found_is_cancelled() -> None:
    """And has not failed: a worker that stops gives its job back."""
    engine, asked, answer = TongueEngine(), asyncio.Event(), asyncio.Event()
    heard = engine.transcribe

    async def slow(sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        asked.set()
        await answer.wait()
        return await heard(sounds, language)

    engine.transcribe = slow  # type: ignore[method-assign]
    pcm = sound_of([(7, 60, 5)])
    run = asyncio.create_task(transcribed(pcm, 1, engine, KeptChunks(), 2.0))
    await asked.wait()
    await asyncio.sleep(0.2)  # the chunks behind wait for the language by now
    answer.set()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


@given(st.builds(FoundLanguage, st.text(max_size=5), st.floats(0, 1e4).map(lambda x: round(x, 4))))
def test_a_language_is_kept_as_it_was_found(found: FoundLanguage) -> None:
    assert FoundLanguage.from_json(found.to_json()) == found
